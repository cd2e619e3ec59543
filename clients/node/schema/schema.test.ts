// The served schema, beside schema.graphql, and beside what clients have been promised.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { type Change, ChangeType, CriticalityLevel, diff } from "@graphql-inspector/core";
import { buildClientSchema, buildSchema, type GraphQLSchema, introspectionFromSchema } from "graphql";
import { served } from "./served";

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");

/** A schema as introspection would tell it, which leaves out where directives are applied. */
const told = (schema: GraphQLSchema) => buildClientSchema(introspectionFromSchema(schema, { specifiedByUrl: true }));

/** What the export does not write down. */
const isUnwritten = ({ type }: Change) => type === ChangeType.DirectiveArgumentDescriptionChanged;

const messages = (changes: Change[]) => changes.map(({ message }) => message);

/** What would break clients that were generated from the older schema. */
const breaks = async (older: GraphQLSchema, newer: GraphQLSchema) =>
  (await diff(older, newer)).filter(({ criticality }) => criticality.level === CriticalityLevel.Breaking);

test("schema.graphql is what the server tells", async () => {
  const changes = await diff(told(buildSchema(read("schema.graphql"))), await served());
  assert.deepEqual(messages(changes.filter((change) => !isUnwritten(change))), []);
});

/** The newest release of CHANGELOG.md; there may be none yet. */
const release = /^## \[(\d+\.\d+\.\d+)\]/m.exec(read("CHANGELOG.md"))?.[1];

// Before the first release, the contract is all that clients could rely on. Each release copies schema.graphql to clients/released.graphql under a line "# Release 1.2.3".
test(`nothing breaks clients of ${release ? `release ${release}` : "the contract"}`, async () => {
  const promised = read(release ? "clients/released.graphql" : "tests/contract.graphql");
  if (release) assert(promised.startsWith(`# Release ${release}\n`), "clients/released.graphql is of another release");
  assert.deepEqual(messages(await breaks(told(buildSchema(promised)), await served())), []);
});

test("a break is seen", async () => {
  const schema = read("schema.graphql");
  for (const [was, is] of [
    ['  """\n  The caller.\n  Requires sign-in.\n  """\n  me: User @authenticated\n', ""],
    ["totalCount: Int!", "totalCount: Int"],
    ["  UNKNOWN_ROLE\n", "  UNKNOWN_ROLES\n"],
    ["input LogoutInput {\n", "input LogoutInput {\n  reason: String!\n"],
  ] as const) {
    assert(schema.includes(was));
    const broken = await breaks(buildSchema(schema), buildSchema(schema.replace(was, is)));
    assert.equal(broken.length, 1, `${was} → ${is}`);
  }
});
