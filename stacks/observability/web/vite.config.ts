import { defineConfig } from "vite";

// The same bytes from the same sources: names without hashes, as every file is looked up anew by its ETag, and nothing of this machine.
export default defineConfig({
  base: "./",
  build: {
    outDir: "../page",
    emptyOutDir: true,
    target: "es2023",
    cssTarget: ["chrome123", "firefox120", "safari17.5"], // from these on browsers know light-dark()
    assetsInlineLimit: 0, // the page's policy loads no data: addresses
    modulePreload: false,
    license: { fileName: "licenses.md" }, // of what is bundled: its authors ask for their notice to come along
    rolldownOptions: {
      output: {
        entryFileNames: "observability.js",
        chunkFileNames: "[name].js",
        assetFileNames: "[name][extname]",
      },
    },
  },
});
