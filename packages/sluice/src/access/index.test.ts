import { expect, test } from 'vitest';
import * as door from './index.ts';

test('the door of access offers these names, and a change of them is a decision', () => {
  expect(Object.keys(door).toSorted()).toMatchInlineSnapshot(`
    [
      "admitPerson",
      "changeAuthors",
      "coAuthorEmails",
      "decodeIdentity",
      "emailForm",
      "encodeIdentity",
      "isApprovalBy",
      "isMachine",
      "keyDigestOf",
      "newIdentity",
      "publicKeyOf",
      "signApproval",
    ]
  `);
});
