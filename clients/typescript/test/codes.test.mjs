// Compares the error codes in the types with docs/errors.md, which the server generates.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const read = (path) => readFileSync(new URL(path, import.meta.url), "utf8");

/** The first column of a table of docs/errors.md. */
function documented(heading) {
  const [, section] = read("../../../docs/errors.md").split(`\n## ${heading}\n`);
  return [...section.split("\n## ")[0].matchAll(/^\| `([A-Z_]+)`/gm)].map(([, code]) => code);
}

/** The members of a union of strings. */
function typed(path, name) {
  const [, union] = read(path).split(`export type ${name} =`);
  return [...union.split(";\n")[0].matchAll(/^ +\| "([A-Z_]+)"/gm)].map(([, code]) => code);
}

test("ErrorCode has the codes of the server, and three of the client", () => {
  const codes = [...documented("Codes"), "NETWORK_ERROR", "INVALID_RESPONSE", "PASSKEY_UNAVAILABLE"];
  assert.deepEqual(typed("../src/result.ts", "ErrorCode"), codes);
});

test("UserErrorCode has the codes of the server, without those for administrators", () => {
  const codes = documented("User errors");
  const others = ["NOT_FOUND", "UNKNOWN_ROLE", "CURRENT_PASSWORD_REQUIRED", "LAST_ADMIN"];
  assert.deepEqual(typed("../src/session.ts", "UserErrorCode"), codes.filter((code) => !others.includes(code)));
});
