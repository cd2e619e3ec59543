import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [react()],
  server: {
    // The page and the API are one origin, so the cookie is the page's own.
    proxy: { "/graphql": { target: process.env.PORTCULLIS_URL ?? "http://127.0.0.1:4000", ws: true } },
  },
  // React and the GraphQL client are most of it, and the page is nothing without them.
  build: { chunkSizeWarningLimit: 1000 },
});
