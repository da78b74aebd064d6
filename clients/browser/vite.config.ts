import { defineConfig } from "vite";

export default defineConfig({
  build: {
    lib: { entry: { index: "src/index.ts", dialects: "src/dialects/index.ts" }, formats: ["es"] },
    target: "es2022",
    minify: false, // whoever bundles it does that
    sourcemap: true,
    rolldownOptions: { external: ["aws4fetch", "eventsource-parser"] },
  },
});
