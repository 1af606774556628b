// Names the folder of the server's build after what it is made of, so that a build of other sources is never taken for theirs.
// Plain JavaScript, because the launcher needs it on older Nodes too.
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

/**
 * The folder where the build of the sources as they are now lies, if it was made. An installed package has the one that came with it.
 * @param {string} root the project's folder
 * @returns {string}
 */
export function buildFolder(root) {
  const builds = join(root, 'dist')
  if (/[\\/]node_modules[\\/]/.test(root)) return join(builds, readdirSync(builds)[0] ?? '')
  return join(builds, hashOf(stateOf(root).join('\n')))
}

/** FNV-1a in 32 bits. Loading Node's cryptography would take 20 ms of every start. */
function hashOf(text) {
  let hash = 0x811c9dc5
  for (let place = 0; place < text.length; place += 1) hash = Math.imul(hash ^ text.charCodeAt(place), 0x01000193)
  return (hash >>> 0).toString(16).padStart(8, '0')
}

/** Path, size and time of change of everything that a build reads; the lock stands for the packages. */
function stateOf(root) {
  const sources = sourcesUnder(root, 'src').sort()
  return [...sources, 'package-lock.json', 'scripts/build-server.ts'].map((path) => {
    const { size, mtimeMs } = statSync(`${root}/${path}`)
    return `${path} ${size} ${mtimeMs}`
  })
}

/** Node's own recursion asks for the kind of every file, and its `join` looks at every letter: together they take thrice as long. */
function sourcesUnder(root, folder) {
  return readdirSync(`${root}/${folder}`, { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`
    if (entry.isDirectory()) return sourcesUnder(root, path)
    return path.endsWith('.ts') && !path.endsWith('.test.ts') ? [path] : []
  })
}
