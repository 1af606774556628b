#!/usr/bin/env node
// `node bin/node24.js script.ts …` runs a script of this repository on Node 24 or newer, whatever Node started it.
import { resolve } from 'node:path'
import { launch } from './launch.js'

const [script, ...args] = process.argv.slice(2)
if (script === undefined) {
  process.stderr.write('Usage: node bin/node24.js <script.ts> [arguments]\n')
  process.exitCode = 2
} else {
  await launch(resolve(script), args)
}
