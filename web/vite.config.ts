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
  },
});
