// Builds into a temporary folder and fails when the committed output differs from it, or when the
// tour asks for what the schema does not have. `npm run check -- <schema file>` names another schema.

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildSchema, parse, validate } from "graphql";
import { build } from "vite";

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const committed = path("../src/http/playground");
const schemaFile = process.argv[2] ?? path("../schema.graphql");
const faults = [];

const fresh = mkdtempSync(join(tmpdir(), "playground-"));
try {
  await build({ root: path("."), logLevel: "warn", build: { outDir: fresh, emptyOutDir: true } });
  const files = (folder) => (existsSync(folder) ? readdirSync(folder, { recursive: true }) : []);
  for (const file of new Set([...files(fresh), ...files(committed)])) {
    const [now, then] = [join(fresh, file), join(committed, file)];
    if (!existsSync(now)) faults.push(`${file} is no longer built`);
    else if (!existsSync(then)) faults.push(`${file} is not committed`);
    else if (!readFileSync(now).equals(readFileSync(then))) faults.push(`${file} is out of date`);
  }
  if (faults.length) faults.push("run `npm run build` and commit src/http/playground");
} finally {
  rmSync(fresh, { recursive: true });
}

const schema = buildSchema(readFileSync(schemaFile, "utf8"), { assumeValidSDL: true });
const tour = parse(readFileSync(path("src/tour.graphql"), "utf8"));
for (const { message } of validate(schema, tour)) faults.push(`src/tour.graphql: ${message}`);

for (const fault of faults) console.error(fault);
process.exitCode = faults.length ? 1 : 0;
