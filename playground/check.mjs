// Builds into a temporary folder. Fails if the committed output differs, or if the tour does not fit the
// schema. `npm run check -- <schema file>` names another schema.

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSchema, parse, validate } from "graphql";
import { build } from "vite";

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const committed = path("../src/http/playground");
const schemaFile = process.argv[2] ?? path("../schema.graphql");
const errors = [];

const fresh = mkdtempSync(join(tmpdir(), "playground-"));
try {
  await build({ root: path("."), logLevel: "warn", build: { outDir: fresh, emptyOutDir: true } });
  const files = (folder) => (existsSync(folder) ? readdirSync(folder, { recursive: true }) : []);
  for (const file of new Set([...files(fresh), ...files(committed)])) {
    const [now, then] = [join(fresh, file), join(committed, file)];
    if (!existsSync(now)) errors.push(`${file} is no longer built`);
    else if (!existsSync(then)) errors.push(`${file} is not committed`);
    else if (!readFileSync(now).equals(readFileSync(then))) errors.push(`${file} is out of date`);
  }
  if (errors.length) errors.push("run `npm run build` and commit src/http/playground");
} finally {
  rmSync(fresh, { recursive: true });
}

const schema = buildSchema(readFileSync(schemaFile, "utf8"), { assumeValidSDL: true });
const tour = parse(readFileSync(path("src/tour.graphql"), "utf8"));
for (const { message } of validate(schema, tour)) errors.push(`src/tour.graphql: ${message}`);

for (const error of errors) console.error(error);
process.exitCode = errors.length ? 1 : 0;
