import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { openEngine } from '../../../test/engine/open-engine.ts'
import { proveLayout } from './layout.ts'
import { candidatePackages, pinned } from './library.ts'

describe('the engine library', () => {
  const { library, ...functions } = openEngine()

  it('is the pinned release', () => {
    assert.equal(library.version, pinned.llama)
    assert.match(library.packageName, /^@node-llama-cpp\//)
  })

  it('has the layout that the structs describe', () => {
    proveLayout(library)
    const context = functions.contextDefaults()
    assert.deepEqual([context['n_batch'], context['type_v'], context['swa_full']], [2048, 1, true])
  })

  it('is refused when a default reads differently', () => {
    // The same call through a struct of another function reads other memory: what a library with another layout would give.
    const shifted = {
      ...library,
      llama: { ...library.llama, func: (name: string, type: unknown) => () => ({ name, type, n_ctx: 7 }) },
    }
    assert.throws(() => proveLayout(shifted as unknown as typeof library), /n_ctx is 7, not 512.*npm ci/s)
  })

  it('prefers what the user installed for a GPU', () => {
    assert.deepEqual(candidatePackages('linux', 'x64'), [
      '@node-llama-cpp/linux-x64-cuda',
      '@node-llama-cpp/linux-x64-vulkan',
      '@node-llama-cpp/linux-x64',
    ])
    assert.deepEqual(candidatePackages('darwin', 'arm64'), ['@node-llama-cpp/mac-arm64-metal'])
    assert.deepEqual(candidatePackages('win32', 'arm64'), ['@node-llama-cpp/win-arm64'])
  })

  it('names the processor variant that ggml chose', {
    skip: process.platform !== 'linux' && 'built in elsewhere',
  }, () => {
    assert.match(library.cpuLibrary ?? '', /^libggml-cpu-.+\.so$/)
  })
})
