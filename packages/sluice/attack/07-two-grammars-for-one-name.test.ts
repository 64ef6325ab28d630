import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { defineDelivery, environment, job, service, tests, type Delivery } from '#define';
import { digestOf, nameForms, SluiceError } from '#kernel';
import { checkEntry, encodeEntry, parseEntry, type PendingEntry } from '#ledger';
import { checkDelivery, plan as planOf } from '#plan';
import { controlApi, type ServedEngine } from '#server';

/** A definition in which one name stands wherever a name may stand. */
const deliveryWith = (name: string, axis = 'node', values: readonly (string | number)[] = ['24']): Delivery =>
  defineDelivery({
    name: 'x',
    jobs: Object.fromEntries([
      [name, job({ run: 'true', reports: [{ format: 'junit', path: `reports/\${matrix.${axis}}.xml` }], matrix: { [axis]: values } })],
    ]),
    gates: Object.fromEntries([[name, tests({ from: [name] as never, minimum: 1 })]]),
    pipelines: Object.fromEntries([[name, { jobs: [name], gates: [name] }]]) as never,
    services: Object.fromEntries([[name, service({ start: ['node'], files: ['**'] })]]),
    environments: Object.fromEntries([[name, environment({ services: Object.fromEntries([[name, {}]]) as never })]]) as never,
  });

const head = { v: 1, id: 'e1', at: '2026-12-01T00:00:00.000000Z', actorRef: 'controller', requestId: 'r1', chainId: 'c1' } as const;
const rest = { inputs: [], outcome: 'succeeded', reasons: [] } as const;

/** Entries of everything that carries the name, as a deployment writes them. */
const entriesWith = (name: string, jobNames: readonly string[]): readonly PendingEntry[] => [
  ...jobNames.map((each) => ({
    ...head,
    ...rest,
    env: null,
    type: 'evidence.recorded' as const,
    subject: { kind: 'run' as const, id: 'run1', digest: null },
    body: { job: each, format: 'junit', reportDigest: digestOf('r'), counts: {} },
  })),
  {
    ...head,
    ...rest,
    env: name,
    type: 'deployment.cancelled',
    subject: { kind: 'deployment', id: 'd1', digest: null },
    body: { service: name },
  },
];

/** The name as the API is asked about it: in the body of a request and in the query of another. */
async function reachesTheEngine(name: string): Promise<readonly unknown[]> {
  const asked: unknown[] = [];
  const refuse = async (...order: readonly unknown[]) => {
    asked.push(order[0]);
    return { ok: false, error: new SluiceError('conflict', 'asked') };
  };
  const engine = new Proxy({}, { get: () => refuse });
  const served = { engine, ids: { next: () => 'i' } };
  const app = controlApi(served as unknown as ServedEngine, 'token');
  await app.request('/v1/deployments', {
    method: 'POST',
    headers: { authorization: 'Bearer token', 'content-type': 'application/json' },
    body: JSON.stringify({ services: [name], environment: name, ref: 'v1', pipeline: name }),
  });
  return asked;
}

describe('7 · two grammars for one name, unexpected errors retried for ever', () => {
  describe('names', () => {
    test.each(['a.b', '-x', '1x', 'a b', 'a+b', 'a/b', 'ä', '', '__proto__', 'constructor', 'valueOf', 'toString', 'x'.repeat(65)])(
      'a service, job, gate, pipeline or environment called %j is refused by the definition, before anything is named by it',
      (name) => {
        expect(checkDelivery(deliveryWith(name)).ok).toBe(false);
      },
    );

    test.each([
      ['node-version', ['24'], true],
      ['node', ['24+nightly', '1.2.3-rc.1', 'ubuntu:24', 24, 1e21, -1], true],
      ['node', ['erin@example.com'], false],
      ['node', ['a, b=c'], false],
      ['node', ['a)'], false],
      ['node', ['..'], false],
      ['node', ['../x'], false],
      ['constructor', ['24'], false],
    ] as const)(
      'a matrix over %s of %j is planned and recorded under the same names, or refused by the definition',
      (axis, values, right) => {
        const checked = checkDelivery(deliveryWith('unit', axis, values));
        expect(checked.ok).toBe(right);
        if (!checked.ok) return;
        const plan = planOf(checked.value);
        if (!plan.ok) throw new Error('it is planned');
        const names = plan.value.jobs.map((each) => each.name);
        expect(names).toHaveLength(values.length);
        for (const entry of entriesWith('unit', names)) expect(checkEntry(entry)).toMatchObject({ ok: true });
      },
    );

    test('property: whatever the definition accepts is accepted by the plan, the record, its reader and the API, unchanged', async () => {
      const thing = fc.stringMatching(/^[A-Za-z][A-Za-z0-9_-]{0,63}$/);
      const odd = fc.string({ maxLength: 70, unit: 'binary' });
      const values = fc.array(fc.stringMatching(/^[A-Za-z0-9_.+:@/ -]{1,66}$/), { minLength: 1, maxLength: 3 });
      await fc.assert(
        fc.asyncProperty(fc.oneof(thing, odd), fc.oneof(thing, odd), values, async (name, axis, cells) => {
          const checked = checkDelivery(deliveryWith(name, axis, cells));
          if (!checked.ok) return;
          const plan = planOf(checked.value, { pipeline: name });
          if (!plan.ok) throw new Error(`"${name}" is checked and not planned`);
          for (const pending of entriesWith(
            name,
            plan.value.jobs.map((each) => each.name),
          )) {
            const bytes = encodeEntry(pending, 1);
            if (!bytes.ok) throw bytes.error;
            const read = parseEntry(new TextDecoder().decode(bytes.value));
            expect(read.ok && read.value.body).toEqual(pending.body);
          }
          expect(await reachesTheEngine(name)).toMatchObject([{ services: [name], environment: name, pipeline: name }]);
        }),
        {
          numRuns: 300,
          examples: [
            ['valueOf', 'node', ['1']],
            ['a', '__proto__', ['1']],
            ['x'.repeat(64), 'node-version', ['1+2']],
          ],
        },
      );
    });

    test('a version that a tag gives is one that the record can hold, however long or odd the tag is', () => {
      const form = new RegExp(`^(?:${nameForms.version})$`);
      for (const [tag, right] of [
        ['v1.2.3', true],
        ['v1.2.3-rc.1+build.5', true],
        [`v1.2.3-${'x'.repeat(200)}`, false],
        [`v${'9'.repeat(20)}.0.0`, false],
      ] as const)
        expect([tag, form.test(tag)]).toEqual([tag, right]);
    });
  });
});
