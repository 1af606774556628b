// Forks engine processes, one of them ahead of time: it opens the libraries while its server still reads what there is to load. Knows no model.

import { type ChildProcess, fork } from 'node:child_process'
import { programFile } from '../base/program-files.ts'

/** The whole environment of a child. It holds no secrets because nothing is inherited. */
export type ChildEnvironment = Readonly<Record<string, string>>

/** A process that waits to be told what to load. */
export function forkEngine(environment: ChildEnvironment): ChildProcess {
  return fork(programFile('engine/child/main'), [], {
    env: { ...environment },
    execArgv: [],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  })
}

/** One engine process that nobody uses yet. It does not keep its server alive, and ends with it. */
export class SpareEngine {
  #child: ChildProcess | undefined

  constructor(environment: ChildEnvironment) {
    const child = forkEngine(environment)
    child.unref()
    child.channel?.unref()
    // Whoever takes it forks another one where this one could not start.
    child.on('error', () => {})
    this.#child = child
  }

  /** Hands it out, once; undefined when it is gone. */
  take(): ChildProcess | undefined {
    const child = this.#child
    this.#child = undefined
    if (child?.connected !== true || child.exitCode !== null) return undefined
    child.ref()
    child.channel?.ref()
    return child
  }

  /** Ends it where nobody took it. */
  end(): void {
    this.#child?.disconnect()
    this.#child = undefined
  }
}
