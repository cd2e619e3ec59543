// What the types say the server answers is what docs/errors.md, which the server writes, says.

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

test("the codes of errors are the server's, and two of where there is no answer", () => {
  const codes = [...documented("Codes"), "NETWORK_ERROR", "INVALID_RESPONSE"];
  assert.deepEqual(typed("../src/answer.ts", "ErrorCode"), codes);
});

test("the codes of what a person can act on are the server's, but for those of administrators", () => {
  const codes = documented("Errors of the user");
  const others = ["NOT_FOUND", "UNKNOWN_ROLE", "CURRENT_PASSWORD_REQUIRED", "LAST_ADMIN"];
  assert.deepEqual(typed("../src/session.ts", "UserErrorCode"), codes.filter((code) => !others.includes(code)));
});
