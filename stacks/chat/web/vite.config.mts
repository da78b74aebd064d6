import { defineConfig } from "vite";

/** Built into ../page, which is committed: who deploys needs no npm package. The same sources give the same bytes, under names without hashes:
 * every file is looked up anew by its ETag. */
export default defineConfig({
  root: import.meta.dirname,
  base: "./",
  build: {
    outDir: "../page",
    emptyOutDir: true,
    target: "es2022",
    assetsInlineLimit: 0, // the page's policy loads no data: addresses
    modulePreload: false,
    license: { fileName: "licenses.md" }, // of what is bundled: its authors ask for their notice to come along
    rolldownOptions: {
      output: {
        entryFileNames: "chat.js",
        chunkFileNames: "[name].js",
        assetFileNames: "[name][extname]",
      },
    },
  },
});
