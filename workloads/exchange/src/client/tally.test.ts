import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Tally } from './tally.ts';

test('refusals are answers, 5xx are faults, and what never arrived belongs to no version', () => {
  const tally = new Tally();
  for (let sent = 0; sent < 4; sent++) tally.sent();
  tally.ended({ status: 201, version: '1.0.0' }, 100, true);
  tally.ended({ status: 409, version: '1.0.0' }, 200, false);
  tally.ended({ status: 500, version: '1.2.0' }, 300, false);
  tally.ended({ error: 'ECONNRESET' }, 400, false);
  assert.deepEqual(tally.summary(), {
    sent: 4,
    ok: 2,
    faulty: 1,
    transportFailures: 1,
    acknowledged: 1,
    p50us: 300,
    p99us: 400,
    byVersion: { '1.0.0': { ok: 2, faulty: 0, p50us: 200, p99us: 200 }, '1.2.0': { ok: 0, faulty: 1, p50us: 300, p99us: 300 } },
  });
});

test('a second in which nothing ended has zeros', () => {
  assert.equal(new Tally().summary().p99us, 0);
});
