// Tests the page in Chromium, with the server that PORTCULLIS_BIN names.

import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { createServer } from "vite";

import { travel } from "../../clients/harness/journey.mjs";

await travel({ chromium, createServer, root: fileURLToPath(new URL(".", import.meta.url)) });
