#!/usr/bin/env node
// The `galerne` command: runs the sources in a checkout, and what was built from them in an installed package.
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { launch } from './launch.js'

const source = fileURLToPath(new URL('../src/cli/galerne.ts', import.meta.url))
const built = fileURLToPath(new URL('../dist/cli/galerne.js', import.meta.url))
// Node strips no types inside node_modules, so an installed package always runs what was built.
const fromSource = existsSync(source) && !/[\\/]node_modules[\\/]/.test(source)
await launch(fromSource ? source : built, process.argv.slice(2))
