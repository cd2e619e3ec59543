import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));

// GraphiQL's style sheet embeds its web fonts as data: URLs, ten times its own size and outside of
// `font-src 'self'`. Ours names system fonts instead (src/playground.css).
const dropWebFonts = {
  postcssPlugin: "drop-web-fonts",
  AtRule: { "font-face": (rule) => rule.remove() },
};

// A few packages declare MIT and ship no licence file, so the text is added for them.
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
      // The browser client from its sources, so that it need not be built first.
      { find: /^@portcullis\/client$/, replacement: path("../clients/typescript/src/index.ts") },
      { find: /^@portcullis\/client\/(.+)$/, replacement: path("../clients/typescript/src/$1.ts") },
    ],
    // What the browser client imports is this page's, too.
    dedupe: ["graphql-ws"],
  },
  css: { postcss: { plugins: [dropWebFonts] } },
  server: { proxy: { "/graphql": { target: "http://127.0.0.1:4000", ws: true } }, fs: { allow: [".."] } },
  build: {
    outDir: "../src/http/playground",
    emptyOutDir: true,
    target: "es2022",
    // The licences of what is bundled ask to travel with it.
    license: { fileName: "LICENSES.txt" },
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 2000,
    // One script and one style sheet, named the same in every build: the server embeds them by name.
    rolldownOptions: {
      // "use client" means nothing here, and two hundred modules say it.
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
