#!/usr/bin/env node
// The `galerne` command: runs the build of the sources as they are now, and where there is none, as after a change, the sources.
import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildFolder } from './build-folder.js'
import { launch } from './launch.js'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const build = buildFolder(root)
const built = join(build, 'cli/galerne.js')
const args = process.argv.slice(2)
// What V8 makes of a build goes with it.
if (existsSync(built)) await launch(built, args, join(build, 'compiled'))
else await launch(join(root, 'src/cli/galerne.ts'), args)
