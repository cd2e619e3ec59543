// Runs the audits of graphql-http, the reference implementation of GraphQL over HTTP.

import assert from "node:assert/strict";
import { test } from "node:test";
import { serverAudits } from "graphql-http";
import { url } from "../server";

/** The number of audits in this release of graphql-http. A later release may have more, but not fewer. */
const AT_LEAST = 61;

const audits = serverAudits({ url, fetchFn: fetch });

test("no audit is missing", () => {
  assert(audits.length >= AT_LEAST, `${audits.length} audits`);
});

for (const audit of audits) {
  test(`${audit.id}: ${audit.name}`, async () => {
    const result = await audit.fn();
    assert.equal(result.status, "ok", "reason" in result ? result.reason : undefined);
  });
}
