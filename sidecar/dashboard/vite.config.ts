import vue from "@vitejs/plugin-vue";
import { defineConfig } from "vite";

// Hashed names in one flat folder: the sidecar serves them for ever, and by name only.
export default defineConfig({
  plugins: [vue()],
  base: "/",
  build: {
    target: "es2022",
    assetsDir: "assets",
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    sourcemap: false,
  },
  define: { __VUE_OPTIONS_API__: "false", __VUE_PROD_DEVTOOLS__: "false" },
});
