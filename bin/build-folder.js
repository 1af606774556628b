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
  const paths = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('.ts') && !path.endsWith('.test.ts'))
    .map((path) => join('src', path))
  return [...paths.sort(), 'package-lock.json', 'scripts/build-server.ts'].map((path) => {
    const { size, mtimeMs } = statSync(join(root, path))
    return `${path} ${size} ${mtimeMs}`
  })
}
