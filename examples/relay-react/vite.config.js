import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react({ babel: { plugins: ["relay"] } })],
  server: {
    // With this proxy the page and the API have the same origin, as the cookie requires.
    proxy: { "/graphql": { target: process.env.PORTCULLIS_URL ?? "http://127.0.0.1:4000", ws: true } },
  },
  // Most of the bundle is React and the GraphQL client, and the page always needs both.
  build: { chunkSizeWarningLimit: 1000 },
});
