import { defineConfig } from "vite";
import solid from "vite-plugin-solid";

// The page may lie below any path of a proxy, so what it loads is named relative to it.
export default defineConfig({
  base: "./",
  plugins: [solid()],
  worker: { format: "es" },
  build: {
    outDir: "../service/runstream_service/web",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0,
    // One small file of styles, loaded with the page: a part that is loaded again, after the server was
    // away, would be without its own, since Vite asks for a file of styles once.
    cssCodeSplit: false,
    modulePreload: { polyfill: false },
    // What stands on every page is one file, and what most pages share is another: one file for each set of
    // pages that share something would be 150, most of them smaller than what it takes to ask for one.
    rolldownOptions: {
      output: {
        codeSplitting: {
          groups: [
            { name: "frame", tags: ["$initial"] },
            { name: "shared", test: /src.(api|parts|runs).|openapi/, minShareCount: 4 },
          ],
        },
      },
    },
  },
});
