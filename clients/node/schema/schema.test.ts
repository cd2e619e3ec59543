// Compares the served schema with schema.graphql, and with the schema of the last release.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { type Change, ChangeType, CriticalityLevel, diff } from "@graphql-inspector/core";
import { buildClientSchema, buildSchema, type GraphQLSchema, introspectionFromSchema } from "graphql";
import { served } from "./served";

const read = (path: string) => readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8");

/** The schema as introspection returns it, without the directives that are applied to fields. */
const introspected = (schema: GraphQLSchema) =>
  buildClientSchema(introspectionFromSchema(schema, { specifiedByUrl: true }));

/** A difference that the export does not contain. */
const isUnwritten = ({ type }: Change) => type === ChangeType.DirectiveArgumentDescriptionChanged;

const messages = (changes: Change[]) => changes.map(({ message }) => message);

/** The changes that would break clients generated from the older schema. */
const breaks = async (older: GraphQLSchema, newer: GraphQLSchema) =>
  (await diff(older, newer)).filter(({ criticality }) => criticality.level === CriticalityLevel.Breaking);

test("schema.graphql is the served schema", async () => {
  const changes = await diff(introspected(buildSchema(read("schema.graphql"))), await served());
  assert.deepEqual(messages(changes.filter((change) => !isUnwritten(change))), []);
});

/** The newest release in CHANGELOG.md. Undefined before the first release. */
const release = /^## \[(\d+\.\d+\.\d+)\]/m.exec(read("CHANGELOG.md"))?.[1];

// Before the first release, clients can rely only on the contract. Each release copies schema.graphql to
// clients/released.graphql under a line "# Release 1.2.3".
test(`no change breaks clients of ${release ? `release ${release}` : "the contract"}`, async () => {
  const promised = read(release ? "clients/released.graphql" : "tests/contract.graphql");
  if (release) assert(promised.startsWith(`# Release ${release}\n`), "clients/released.graphql is of another release");
  assert.deepEqual(messages(await breaks(introspected(buildSchema(promised)), await served())), []);
});

test("a breaking change is detected", async () => {
  const schema = read("schema.graphql");
  for (const [was, is] of [
    ['  """\n  The user who is signed in.\n  Requires sign-in.\n  """\n  me: User @authenticated\n', ""],
    ["totalCount: Int!", "totalCount: Int"],
    ["  UNKNOWN_ROLE\n", "  UNKNOWN_ROLES\n"],
    ["input LogoutInput {\n", "input LogoutInput {\n  reason: String!\n"],
  ] as const) {
    assert(schema.includes(was));
    const broken = await breaks(buildSchema(schema), buildSchema(schema.replace(was, is)));
    assert.equal(broken.length, 1, `${was} → ${is}`);
  }
});
