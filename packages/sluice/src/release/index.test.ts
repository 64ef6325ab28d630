import { expect, test } from 'vitest';
import * as door from './index.ts';

test('the door of release offers these names, and a change of them is a decision', () => {
  expect(Object.keys(door).toSorted()).toMatchInlineSnapshot(`
    [
      "approvalKind",
      "approvalLasts",
      "approvalState",
      "approvalSubject",
      "approvalText",
      "approvedCommits",
      "assignFunctions",
      "changeLine",
      "countApprovals",
      "describeChange",
      "judgeApproval",
      "mayDeliver",
      "mayEnter",
      "mayRollBackTo",
      "releaseDigest",
    ]
  `);
});
