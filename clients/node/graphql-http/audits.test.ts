// Whether the server speaks GraphQL over HTTP, by the audits of the specification's reference implementation.

import assert from "node:assert/strict";
import { test } from "node:test";
import { serverAudits } from "graphql-http";
import { url } from "../server";

/** How many audits there are in this release of graphql-http. A later one may have more, not fewer. */
const AT_LEAST = 61;

const audits = serverAudits({ url, fetchFn: fetch });

test("no audit has been lost", () => {
  assert(audits.length >= AT_LEAST, `${audits.length} audits`);
});

for (const audit of audits) {
  test(`${audit.id}: ${audit.name}`, async () => {
    const result = await audit.fn();
    assert.equal(result.status, "ok", "reason" in result ? result.reason : undefined);
  });
}
