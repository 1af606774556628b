// `galerne batch` as a user meets it: JSONL and tables in, results out, lists, following and cancelling, against the running product.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, before, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import { type RunningProduct, startProduct } from '../support/product.ts'
import { until } from '../support/until.ts'
import { starterModel } from '../support/weights.ts'

const command = join(import.meta.dirname, '../../bin/galerne.js')

const flags = async () => ['--model', `starter=${await starterModel()}`, '--streams', '4', '--context-length', '512']

let server: RunningProduct
let folder: string

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'galerne-batch-cli-'))
  server = await startProduct(await flags())
})
after(async () => {
  await server.stop()
  await rm(folder, { recursive: true, force: true })
})

/** Neither address nor key is given: both come from home, as on a user's machine. */
async function batch(...args: readonly string[]) {
  const child = spawn(process.execPath, [command, 'batch', ...args, '--home', server.home])
  const [stdout, stderr, [status]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'exit')])
  return { status: status as number, stdout, stderr }
}

interface BatchCounts {
  readonly request_counts: { readonly total: number; readonly completed: number }
}

const resultsOf = async (path: string) =>
  (await readFile(path, 'utf8'))
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line))

test('JSONL of several forms becomes results; progress tells lines, speed and money, and lines that fail go beside', async () => {
  const [input, output] = [join(folder, 'in.jsonl'), join(folder, 'out.jsonl')]
  const body = { max_tokens: 3, messages: [{ role: 'user', content: 'Say one' }] }
  const lines = [
    { custom_id: 'whole', method: 'POST', url: '/v1/chat/completions', body: { model: 'starter', ...body } },
    { custom_id: 'bodied', body },
    body,
    { custom_id: 'wrong', body: { ...body, temperature: 9 } },
  ]
  await writeFile(input, lines.map((line) => `${JSON.stringify(line)}\n`).join('\n'))
  const { status, stdout, stderr } = await batch('run', input, '-o', output, '--use', 'starter')
  assert.equal(status, 1, 'a line failed')
  assert.match(stdout, /batch_\w+ {2}completed {2}3 of 4 done, 1 failed( {2}0\.0\d+ \w{3})?\nresults: /)
  assert.match(stderr, /goes on without this terminal/)
  assert.match(stderr, /completed {2}3 of 4 done, 1 failed/)
  assert.deepEqual(
    (await resultsOf(output)).map(({ custom_id }) => custom_id),
    ['whole', 'bodied', '5'],
  )
  const [failed] = await resultsOf(`${output}.errors.jsonl`)
  assert.deepEqual([failed.custom_id, failed.response.body.param], ['wrong', 'temperature'])
})

test('lines are what they are for every program: other ends of lines of Unicode stay text, and other encodings are refused', async () => {
  const [input, output] = [join(folder, 'unicode.jsonl'), join(folder, 'unicode-out.jsonl')]
  const said = 'one\u2028two\u2029\u0085é'
  await writeFile(input, `\uFEFF{"max_tokens":2,"messages":[{"role":"user","content":"${said}"}]}\r\n`)
  const { status, stdout, stderr } = await batch('run', input, '-o', output, '--use', 'starter', '--json')
  assert.equal(status, 0, stderr)
  const sent = await fetch(`${server.url}/v1/files/${JSON.parse(stdout).input_file_id}/content`, {
    headers: { authorization: `Bearer ${server.key}` },
  })
  assert.equal(JSON.parse(await sent.text()).body.messages[0].content, said)
  const [lines, rows] = [join(folder, 'latin.jsonl'), join(folder, 'latin.csv')]
  await writeFile(lines, Buffer.from('{}\n{"messages":[{"role":"user","content":"\xe9"}]}', 'latin1'))
  assert.match((await batch('run', lines, '-o', output)).stderr, /Line 2: it is not UTF-8 text/)
  await writeFile(rows, Buffer.from('id,text\n1,"a\nb"\n2,\xc9t\xe9\n', 'latin1'))
  const refused = await batch('run', rows, '-o', output, '--use', 'starter', '--prompt', '{text}')
  assert.match(refused.stderr, /line 4 is not UTF-8 text: save it as UTF-8/)
})

test('between tabs a quote inside a cell is a quote', async () => {
  const [input, output] = [join(folder, 'quotes.tsv'), join(folder, 'quotes.jsonl')]
  await writeFile(input, 'text\tother\na 5" disk\t"x\ty"\n')
  const flags = ['--use', 'starter', '--prompt', '{text}|{other}', '--max-tokens', '2', '--json']
  const { stdout, stderr } = await batch('run', input, '-o', output, ...flags)
  assert.ok(stdout.startsWith('{'), stderr)
  const sent = await fetch(`${server.url}/v1/files/${JSON.parse(stdout).input_file_id}/content`, {
    headers: { authorization: `Bearer ${server.key}` },
  })
  assert.equal(JSON.parse(await sent.text()).body.messages[0].content, 'a 5" disk|x\ty')
})

test('a table with a prompt becomes one line a row', async () => {
  const [input, output] = [join(folder, 'mails.csv'), join(folder, 'mails.jsonl')]
  await writeFile(input, '\uFEFFkey,text\r\n"a, b","two\nlines"\r\nc,"say ""x"""\r\n')
  const flags = ['--use', 'starter', '--prompt', '{{Mail}}: {text}', '--id', 'key', '--max-tokens', '2']
  const { status, stdout, stderr } = await batch('run', input, '-o', output, '--json', ...flags)
  assert.equal(status, 0, stderr)
  const made = JSON.parse(stdout)
  assert.deepEqual(made.request_counts, { total: 2, completed: 2, failed: 0 })
  assert.deepEqual(
    (await resultsOf(output)).map(({ custom_id }) => custom_id),
    ['a, b', 'c'],
  )
  const sent = await fetch(`${server.url}/v1/files/${made.input_file_id}/content`, {
    headers: { authorization: `Bearer ${server.key}` },
  })
  const contents = (await sent.text())
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line).body.messages[0].content)
  assert.deepEqual(contents, ['{Mail}: two\nlines', '{Mail}: say "x"'])
})

test('a batch is left alone, listed, cancelled and followed to its end', async () => {
  const input = join(folder, 'long.jsonl')
  const line = JSON.stringify({ max_tokens: 64, messages: [{ role: 'user', content: 'Count to a thousand' }] })
  await writeFile(input, `${line}\n`.repeat(60))
  const { stdout } = await batch('run', input, '-o', join(folder, 'long-out.jsonl'), '--use', 'starter', '--detach')
  const id = stdout.trim()
  assert.match(id, /^batch_\w+$/)
  assert.match((await batch('list', '--limit', '1')).stdout, new RegExp(`^id .*\n${id} `))
  assert.match((await batch('cancel', id)).stdout, /is cancell(ing|ed)\./)
  const watched = await batch('watch', id, '-o', join(folder, 'long-out.jsonl'))
  assert.equal(watched.status, 1)
  assert.match(watched.stdout, /cancelled/)
  const errors = await resultsOf(join(folder, 'long-out.jsonl.errors.jsonl'))
  assert.equal(errors[0].error.code, 'batch_cancelled')
})

test('what is wrong is told with the flag or the line', async () => {
  const broken = join(folder, 'broken.jsonl')
  await writeFile(broken, '{}\n\n{"a"\n')
  const bodiless = join(folder, 'bodiless.jsonl')
  await writeFile(bodiless, '{"custom_id":"a","body":null}\n')
  const cells = join(folder, 'cells.csv')
  await writeFile(cells, 'a,b\n1,2\n')
  const cases: readonly [readonly string[], RegExp][] = [
    [['run', broken, '-o', 'x'], /Line 3: it breaks off or holds something that is not JSON/],
    [['run', cells, '-o', 'x', '--use', 'starter'], /"prompt" is not valid: a table needs it/],
    [['run', cells, '-o', 'x', '--use', 'starter', '--prompt', '{c}'], /no column "c"; it has a, b/],
    [['run', broken, '-o', 'x', '--prompt', '{c}'], /it goes with a table/],
    [['run', join(folder, 'none.jsonl'), '-o', 'x'], /"input" is not valid: there is no file .*none\.jsonl/],
    [['run', cells, '-o', join(folder, 'none', 'x'), '--prompt', '{a}'], /"output" is not valid: there is no folder/],
    [['run', cells, '-o', folder, '--prompt', '{a}'], /"output" is not valid: .* is a folder/],
    [['run', cells, '--prompt', '{a}'], /"output" is not valid: say where the results go/],
    [['watch', 'batch_none', '-o', join(folder, 'none', 'x')], /"output" is not valid: there is no folder/],
    [['run', bodiless, '-o', join(folder, 'y'), '--use', 'starter'], /line 1: "body" is missing: it must be an object/],
    [['run', broken, '-o', 'x', '--window', '0'], /"window" is not valid/],
    [['watch', 'batch_none'], /There is no batch "batch_none"/],
  ]
  for (const [args, message] of cases) {
    const { status, stdout, stderr } = await batch(...args)
    assert.equal(status, 1, args.join(' '))
    assert.match(stderr + stdout, message)
  }
})

test('a server that dies and comes back does not end the command that follows its batch', async () => {
  const [input, output] = [join(folder, 'restart.jsonl'), join(folder, 'restart-out.jsonl')]
  const line = JSON.stringify({ max_tokens: 12, messages: [{ role: 'user', content: 'Count to a thousand' }] })
  await writeFile(input, `${line}\n`.repeat(24))
  const { home, url, process: serving } = server
  const args = ['batch', 'run', input, '-o', output, '--use', 'starter', '--home', home]
  const child = spawn(process.execPath, [command, ...args], { stdio: ['ignore', 'ignore', 'pipe'] })
  const exited = once(child, 'exit')
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (piece: string) => {
    stderr += piece
  })
  const headers = { authorization: `Bearer ${server.key}` }
  for (let done = 0; done === 0; await delay(50)) {
    const { data } = (await (await fetch(`${url}/v1/batches?limit=1`, { headers })).json()) as { data: BatchCounts[] }
    done = data[0]?.request_counts.total === 24 ? data[0].request_counts.completed : 0
  }
  const dead = once(serving, 'exit')
  serving.kill('SIGKILL')
  await dead
  await until('the command has noticed', () => stderr.includes('The batch is asked for again.'))
  const port = new URL(url).port
  server = await startProduct([...(await flags()), '--port', port, '--home', home])
  const [status] = await exited
  assert.equal(status, 0, stderr)
  assert.equal((await resultsOf(output)).length, 24)
  await server.stop()
  await rm(home, { recursive: true, force: true })
})
