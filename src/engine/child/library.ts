// Finds, opens and pins the native engine libraries (libllama and ggml); knows no struct and no model.

import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import koffi, { type LibraryHandle } from 'koffi'

/** The one release that the struct layouts in `layout.ts` describe. `@node-llama-cpp/*` 3.22.1 is built from llama.cpp v0.5.0. */
export const pinned = { package: '3.22.1', llama: '0.5.0-dev', ggml: '0.25.1' } as const

/** Pages are committed as they are touched, so a big stack costs address space only. */
const stackBytes = 8 * 1024 * 1024

/** Severity of a line of the engine's own log. */
export type EngineLogLevel = 'debug' | 'info' | 'warn' | 'error'

/** Receives the engine's log lines, without the line break. Lines carry no prompts. */
export type EngineLog = (level: EngineLogLevel, line: string) => void

/** The opened libraries and what they said about themselves. */
export interface Library {
  readonly base: LibraryHandle
  readonly ggml: LibraryHandle
  readonly llama: LibraryHandle
  /** Name of the package that was opened, for example `@node-llama-cpp/linux-x64`. */
  readonly packageName: string
  /** Folder that holds the libraries. */
  readonly folder: string
  /** File of the CPU back-end that ggml chose, for example `libggml-cpu-zen4.so`; `undefined` where it is built in. */
  readonly cpuLibrary: string | undefined
  /** llama.cpp's version, equal to `pinned.llama`. */
  readonly version: string
  /** Hear the log beside the main listener, for as long as they are in here: a loader finds its reason, a context its buffer sizes. */
  readonly listeners: Set<EngineLog>
}

/** Packages that may serve this platform, the fastest first. A variant with a GPU is there only when the user installed it. */
export function candidatePackages(platform: NodeJS.Platform, architecture: string): readonly string[] {
  const name = (suffix: string) => `@node-llama-cpp/${suffix}`
  if (platform === 'darwin') return [name(architecture === 'arm64' ? 'mac-arm64-metal' : 'mac-x64')]
  const os = platform === 'win32' ? 'win' : platform
  const stem = `${os}-${architecture}`
  return architecture === 'x64' ? [`${stem}-cuda`, `${stem}-vulkan`, stem].map(name) : [name(stem)]
}

/** Opens the libraries and loads the back-ends. The log is set first, because the choice of CPU back-end is told only there. */
export function openLibrary(log: EngineLog): Library {
  // koffi runs each call on a stack of its own; its 128 KiB for calls off the event loop are too few to build a graph on.
  koffi.config({ ...koffi.config(), sync_stack_size: stackBytes, async_stack_size: stackBytes })
  const { packageName, folder } = findPackage()
  const base = koffi.load(findFile(folder, 'ggml-base'))
  const ggml = koffi.load(findFile(folder, 'ggml'))
  const llama = koffi.load(findFile(folder, 'llama'))
  const version = provePin(base, llama)
  let cpuLibrary: string | undefined
  const listeners = new Set<EngineLog>()
  setLog(llama, (level, line) => {
    const loaded = /loaded CPU backend from (.*)$/.exec(line)?.[1]
    if (loaded !== undefined) cpuLibrary = basename(loaded)
    log(level, line)
    for (const listener of listeners) listener(level, line)
  })
  ggml.func('void ggml_backend_load_all_from_path(const char *folder)')(folder)
  llama.func('void llama_backend_init()')()
  return { base, ggml, llama, packageName, folder, cpuLibrary, version, listeners }
}

function findPackage(): { packageName: string; folder: string } {
  const candidates = candidatePackages(process.platform, process.arch)
  for (const packageName of candidates) {
    let entry: string
    try {
      entry = fileURLToPath(import.meta.resolve(packageName))
    } catch {
      continue
    }
    const root = dirname(dirname(entry))
    const found: unknown = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    const version = (found as { version?: unknown }).version
    if (version !== pinned.package)
      throw new Error(
        `${packageName} is version ${String(version)}, and this release needs ${pinned.package} exactly. Run npm ci.`,
      )
    const bins = join(root, 'bins')
    const [only] = readdirSync(bins)
    if (only === undefined) throw new Error(`${packageName} holds no libraries. Run npm ci.`)
    return { packageName, folder: join(bins, only) }
  }
  throw new Error(
    `No engine library is installed for ${process.platform} ${process.arch}. ` +
      `Install one of ${candidates.join(', ')} in version ${pinned.package} (npm ci does it on supported platforms).`,
  )
}

/** File names differ by platform and release: `libllama.v0.5.0.so`, `libllama.dylib`, `llama.dll`. */
function findFile(folder: string, stem: string): string {
  const pattern = new RegExp(`^(lib)?${stem}(\\.v?[0-9.]+)?\\.(so|dylib|dll)$`)
  const file = readdirSync(folder).find((name) => pattern.test(name))
  if (file === undefined) throw new Error(`The engine library "${stem}" is missing in ${folder}. Run npm ci.`)
  return join(folder, file)
}

/** A library of another release would be called with wrong struct layouts: undefined behaviour, so it is refused here. */
function provePin(base: LibraryHandle, llama: LibraryHandle): string {
  const version: unknown = llama.func('const char *llama_version()')()
  const ggmlVersion: unknown = base.func('const char *ggml_version()')()
  if (version !== pinned.llama || ggmlVersion !== pinned.ggml)
    throw new Error(
      `The engine library is llama.cpp ${String(version)} with ggml ${String(ggmlVersion)}, ` +
        `and this release needs ${pinned.llama} with ${pinned.ggml}. Run npm ci.`,
    )
  return pinned.llama
}

const levels: Readonly<Record<number, EngineLogLevel>> = { 1: 'debug', 2: 'info', 3: 'warn', 4: 'error' }

/** ggml writes a line in pieces (level 5 continues the last one); whole lines are handed on. */
function setLog(llama: LibraryHandle, log: EngineLog): void {
  let pending = ''
  let level: EngineLogLevel = 'info'
  const write = (code: number, text: string) => {
    if (code !== 5) level = levels[code] ?? 'info'
    pending += text
    const lines = pending.split('\n')
    pending = lines.pop() ?? ''
    for (const line of lines) if (line !== '') log(level, line)
  }
  const prototype = koffi.proto('void EngineLogCallback(int level, const char *text, void *user)')
  const callback = koffi.register(write, koffi.pointer(prototype))
  llama.func('void llama_log_set(void *callback, void *user)')(callback, null)
}
