// Builds the console into console/dist: files that the server hands out as they are.
import tailwindcss from '@tailwindcss/vite'
import react from '@vitejs/plugin-react'
import { defineConfig } from 'vite'

// biome-ignore lint/style/noDefaultExport: Vite reads its settings from the default export.
export default defineConfig({
  plugins: [react(), tailwindcss()],
  build: {
    // The policy of the server allows scripts and styles from files alone.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: 'es2022',
    // What the licences of the packages in it ask for.
    license: { fileName: 'third-party-licenses.md' },
  },
  server: {
    // In development the page comes from Vite and everything else from a running server.
    proxy: { '^/(v1|v2|galerne|healthz|readyz|metrics)': 'http://127.0.0.1:6420' },
  },
})
