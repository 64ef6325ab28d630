import { environmentShape, serviceShape } from './service-shape.ts';
import { jobShape } from './job-shape.ts';
import { list, object, oneOf, record, share, text, variant, whole, type Rule } from './shape.ts';
import { names } from './name.ts';

const from: Rule = list(text(), 'some');
const kind: Rule = text();

const gateShape: Rule = variant('tests({ … }) or coverage({ … })', {
  tests: object('tests({ … })', {
    kind: { rule: kind },
    from: { rule: from },
    minimum: { rule: whole(1, 1_000_000_000) },
    maximumSkipped: { rule: share },
  }),
  coverage: object('coverage({ … })', { kind: { rule: kind }, from: { rule: from }, lines: { rule: share } }),
});

const pipelineShape: Rule = object('{ jobs: […], gates: […] }', { jobs: { rule: list(text()) }, gates: { rule: list(text()) } });

const address = { pattern: /^[^\s@<>]+@[^\s@<>]+$/, what: 'an e-mail address' };

const refs: Rule = list(text(names.ref), 'some');

const grantShape: Rule = object('grant({ … })', {
  jobs: { rule: list(text()) },
  services: { rule: list(text()) },
  environments: { rule: list(text()) },
  refs: { rule: refs, optional: true },
});

/** What every delivery must look like, before one asks whether its names exist. */
export const deliveryShape: Rule = object('defineDelivery({ … })', {
  name: { rule: text(names.project) },
  jobs: { rule: record(names.thing, jobShape) },
  gates: { rule: record(names.thing, gateShape) },
  pipelines: { rule: record(names.thing, pipelineShape) },
  services: { rule: record(names.thing, serviceShape) },
  environments: { rule: record(names.thing, environmentShape) },
  machineIdentities: { rule: record(address, oneOf(['committer', 'author'])), optional: true },
  secrets: { rule: record(names.variable, grantShape), optional: true },
  protectedRefs: { rule: refs, optional: true },
});
