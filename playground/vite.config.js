import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));

// GraphiQL's style sheet embeds its web fonts as data: URLs. They are ten times its own size, and
// `font-src 'self'` forbids them. src/playground.css uses system fonts instead.
const dropWebFonts = {
  postcssPlugin: "drop-web-fonts",
  AtRule: { "font-face": (rule) => rule.remove() },
};

// A few packages declare MIT but ship no licence file. This plugin adds the text.
const mitText = readFileSync(new URL("MIT.txt", import.meta.url), "utf8");
const completeLicenses = {
  name: "complete-licenses",
  generateBundle: {
    order: "post",
    handler(_options, bundle) {
      const asset = bundle["LICENSES.txt"];
      if (!asset) this.error("LICENSES.txt is not in the bundle");
      const bare = /^## (.+) - \S+ \((.+)\)\n(?=\n## |$(?![^]))/gm;
      asset.source = String(asset.source).replace(bare, (heading, name, licence) => {
        if (licence !== "MIT") this.error(`${name} is ${licence} and has no licence file`);
        return `${heading}\nCopyright (c) the authors of ${name}\n\n${mitText}`;
      });
    },
  },
};

export default defineConfig({
  base: "./",
  plugins: [completeLicenses],
  resolve: {
    alias: [
      // Radix adds a <style> element while a dialog or menu is open, which `style-src 'self'` forbids.
      { find: "react-style-singleton", replacement: path("src/style-singleton.ts") },
      // The browser client is compiled from its sources, so it need not be built first.
      { find: /^@portcullis\/client$/, replacement: path("../clients/typescript/src/index.ts") },
      { find: /^@portcullis\/client\/(.+)$/, replacement: path("../clients/typescript/src/$1.ts") },
    ],
    // The browser client and the page share one copy of graphql-ws.
    dedupe: ["graphql-ws"],
  },
  css: { postcss: { plugins: [dropWebFonts] } },
  server: { proxy: { "/graphql": { target: "http://127.0.0.1:4000", ws: true } }, fs: { allow: [".."] } },
  build: {
    outDir: "../src/http/playground",
    emptyOutDir: true,
    target: "es2022",
    // The licences of the bundled packages must be distributed with the bundle.
    license: { fileName: "LICENSES.txt" },
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 2000,
    // One script and one style sheet with fixed names, because the server embeds them by name.
    rolldownOptions: {
      // "use client" has no effect here, and two hundred modules contain it.
      onwarn(warning, warn) {
        if (warning.code !== "MODULE_LEVEL_DIRECTIVE") warn(warning);
      },
      output: {
        codeSplitting: false,
        entryFileNames: "playground.js",
        assetFileNames: "playground[extname]",
      },
    },
  },
});
