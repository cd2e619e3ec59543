// Takes the screenshot for the README. `npm run screenshot` writes ../docs/graphiql.png;
// `npm run screenshot -- <file> dark` writes another file in dark mode.

import { startServer } from "../clients/harness/server.mjs";
import { account, fill, openPages, password, run } from "./test/page.mjs";

const [file = "../docs/graphiql.png", colorScheme = "light"] = process.argv.slice(2);
const server = await startServer();
const pages = await openPages(`${server.url}/`);
try {
  const page = await pages.open();
  await server.register("ada", password);
  await server.run("users", "set-roles", "ada", "--role", "admin");
  await page.emulateMedia({ colorScheme });
  await page.getByRole("button", { name: "Sign in" }).click();
  await fill(page, "ada", password);
  await account(page, "ada").waitFor();
  await page.getByRole("button", { name: /Documentation Explorer/ }).click();
  await page.getByRole("link", { name: "Query" }).first().click();
  await run(page, "query Me {\n  me {\n    username\n    roles\n    sessions {\n      totalCount\n    }\n  }\n}\n", "ada");
  await page.locator(".graphiql-query-editor .CodeMirror textarea").blur();
  await page.mouse.move(0, 0);
  await page.screenshot({ path: file });
} finally {
  await pages.close();
  await server.remove();
}
