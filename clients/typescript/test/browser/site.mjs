// Serves a page and the API from one origin, as a proxy would do.

import { readFile } from "node:fs/promises";
import { createServer, request } from "node:http";
import { fileURLToPath } from "node:url";

const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Tab</title>
<link rel="icon" href="data:,">
<script type="module">
  import { createPortcullis } from "/client/index.js";
  window.portcullis = createPortcullis({ url: "/graphql" });
  window.heard = [];
  portcullis.onChange(({ status }) => heard.push(status));
</script>`;

/** Serves the page and the package, and passes /graphql on to the server. */
export async function startSite(server) {
  const site = { documents: [] };
  const listener = createServer(async (req, res) => {
    if (req.url === "/graphql") return forward(server, site, req, res);
    if (req.url === "/") return res.setHeader("content-type", "text/html").end(page);
    const name = /^\/client\/([a-z-]+\.js)$/.exec(req.url)?.[1];
    if (!name) return res.writeHead(404).end();
    const source = await readFile(fileURLToPath(new URL(`../../dist/${name}`, import.meta.url)));
    res.setHeader("content-type", "text/javascript").end(source);
  });
  await new Promise((resolve) => listener.listen(0, "127.0.0.1", resolve));
  site.url = `http://localhost:${listener.address().port}/`;
  site.refreshes = () => site.documents.filter((document) => document.includes("refresh(")).length;
  site.close = () => {
    listener.closeAllConnections();
    listener.close();
  };
  return site;
}

async function forward(server, site, req, res) {
  const chunks = await req.toArray();
  const body = Buffer.concat(chunks);
  site.documents.push(JSON.parse(body).query);
  const { method, headers } = req;
  const upstream = request(`${server.url}/graphql`, { method, headers }, (response) => {
    res.writeHead(response.statusCode, response.headers);
    response.pipe(res);
  });
  upstream.on("error", () => res.writeHead(502).end());
  upstream.end(body);
}
