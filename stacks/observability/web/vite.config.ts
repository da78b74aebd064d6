import { fileURLToPath } from "node:url";
import { defineConfig } from "vite";

/** Built into ../page, which is committed: who deploys needs no npm package. The same sources give the same bytes. */
export default defineConfig({
  root: import.meta.dirname,
  base: "./",
  resolve: { alias: { "streaming-client": fileURLToPath(new URL("../../../clients/browser/src/index.ts", import.meta.url)) } },
  build: {
    outDir: "../page",
    emptyOutDir: true,
    target: "es2023",
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0, // no data: addresses; the policy allows none
    rolldownOptions: {
      output: { entryFileNames: "assets/[name].js", chunkFileNames: "assets/[name].js", assetFileNames: "assets/[name][extname]" },
    },
  },
});
