import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react({ babel: { plugins: ["relay"] } })],
  server: {
    // The page and the API are one origin, so the cookie is the page's own.
    proxy: { "/graphql": { target: process.env.PORTCULLIS_URL ?? "http://127.0.0.1:4000" } },
  },
});
