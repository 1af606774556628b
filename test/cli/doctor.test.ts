// `galerne doctor`: what it finds on this machine, and that its exit code says whether Galerne runs here.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'

const command = join(import.meta.dirname, '../../bin/galerne.js')

interface Finding {
  readonly name: string
  readonly state: string
  readonly detail: string
}

function doctor(...args: readonly string[]): { findings: readonly Finding[]; status: number | null } {
  const { stdout, status } = spawnSync(process.execPath, [command, 'doctor', '--json', ...args], { encoding: 'utf8' })
  return { findings: JSON.parse(stdout) as Finding[], status }
}

test('the machine, what fits on it, and what is in the way', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'galerne-doctor-'))
  const taken = createServer()
  await new Promise<void>((resolve) => taken.listen(0, '127.0.0.1', resolve))
  const { port } = taken.address() as { port: number }
  try {
    const { findings, status } = doctor('--home', folder, '--port', String(port))
    const found = (name: string) => findings.find((one) => one.name === name)
    assert.equal(status, 0)
    assert.match(found('engine')?.detail ?? '', /^llama\.cpp .* from @node-llama-cpp\//)
    assert.match(found('models')?.detail ?? '', /^(all \d+|\d+ of \d+) of the catalogue fit, up to .*galerne plan/)
    assert.deepEqual([found('port')?.state, found('home')?.state], ['advice', 'ok'])
    const blocked = join(folder, 'file')
    writeFileSync(blocked, '')
    const without = doctor('--home', join(blocked, 'home'), '--port', String(port))
    assert.equal(without.status, 1)
    assert.equal(without.findings.find(({ name }) => name === 'home')?.state, 'missing')
  } finally {
    taken.close()
    rmSync(folder, { recursive: true })
  }
})
