// The interactive side of `galerne chat`: reads lines with history, shows the answer, and lets Ctrl-C stop it. Knows nothing of HTTP.
import { appendFile, readFile, writeFile } from 'node:fs/promises'
import { createInterface, type Interface } from 'node:readline'
import { Writable } from 'node:stream'
import type { OnText } from './conversation.ts'
import { dim } from './terminal.ts'

/** What the terminal talks to. */
export interface ChatPartner {
  /** Answers one message, writing text through `write` as it comes; resolves to a line of figures. */
  answer(message: string, signal: AbortSignal, write: OnText): Promise<string>
  /** Forgets the turns so far. */
  clear(): void
  setSystem(text: string): void
}

const help = `Type a message and press Enter. A line that ends with \\ goes on in the next one, and so does everything
between two lines of """. Pasted lines stay one message. Ctrl-C stops an answer, Ctrl-D leaves.
  /clear           forget the conversation
  /system <text>   set the system message and start anew
  /help            this text
  /exit            leave`

const historySize = 500
const prompts = { first: '> ', next: '… ' }

/** Runs the conversation until the user leaves. Lines typed are kept in `historyFile`, mode 0600, unless it is undefined. */
export async function runTerminal(partner: ChatPartner, historyFile: string | undefined): Promise<void> {
  const screen = new MutableScreen()
  const reader = createInterface({
    input: process.stdin,
    output: screen,
    terminal: true,
    history: await readHistory(historyFile),
    historySize,
    removeHistoryDuplicates: true,
  })
  const session: Session = {
    reader,
    screen,
    partner,
    historyFile,
    turn: new AbortController(),
    busy: false,
    left: false,
  }
  reader.on('SIGINT', () => interrupt(session))
  reader.on('line', () => {
    session.busy = true
  })
  reader.on('close', () => {
    // Ctrl-D during an answer: whoever leaves does not wait for the rest of it.
    session.left = true
    session.turn.abort()
  })
  prompt(session)
  for await (const message of messages(session)) {
    if (message === '/exit' || session.left) break
    await handle(session, message)
    prompt(session)
  }
  reader.close()
}

interface Session {
  readonly reader: Interface
  readonly screen: MutableScreen
  readonly partner: ChatPartner
  readonly historyFile: string | undefined
  /** Stops the answer to the lines entered since the last prompt. */
  turn: AbortController
  /** Lines were entered and the next prompt has not come: Ctrl-C means the answer, also before its first word. */
  busy: boolean
  /** The input has ended: there is nothing to ask for any more. */
  left: boolean
}

function prompt(session: Session): void {
  if (session.left) return
  session.busy = false
  session.turn = new AbortController()
  session.reader.prompt()
}

/** Readline draws what is typed; while an answer is written it must not draw into it. */
class MutableScreen extends Writable {
  muted = false
  get columns(): number {
    return process.stdout.columns
  }
  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (!this.muted) process.stdout.write(chunk)
    done()
  }
}

function interrupt(session: Session): void {
  const { reader, busy, turn } = session
  if (busy) {
    turn.abort()
    return
  }
  process.stdout.write(reader.line === '' ? `\n${dim('Ctrl-D or /exit leaves.')}\n` : '\n')
  // Ctrl-U: what was typed is dropped, as in a shell.
  reader.write(null, { ctrl: true, name: 'e' })
  reader.write(null, { ctrl: true, name: 'u' })
  prompt(session)
}

async function handle(session: Session, message: string): Promise<void> {
  const { partner, screen } = session
  if (message.trim() === '') return
  await remember(session.historyFile, message)
  if (message === '/help') return print(help)
  if (message === '/clear') {
    partner.clear()
    return print(dim('The conversation is forgotten.'))
  }
  if (message.startsWith('/system ')) {
    partner.setSystem(message.slice('/system '.length).trim())
    return print(dim('The system message is set; the conversation starts anew.'))
  }
  if (/^\/[a-z]+$/.test(message)) return print(`There is no command ${message}; /help lists them.`)
  screen.muted = true
  try {
    const figures = await partner.answer(message, session.turn.signal, answerWriter())
    print(`\n${dim(figures)}\n`)
  } catch (error) {
    print(`\n${error instanceof Error ? error.message : String(error)}\n`)
  } finally {
    screen.muted = false
  }
}

/** Writes an answer; what the model thinks stands before it in grey. */
function answerWriter(): OnText {
  let thinking = false
  return (text, thought) => {
    if (thinking && !thought) process.stdout.write('\n\n')
    thinking = thought
    process.stdout.write(thought ? dim(text) : text)
  }
}

function print(text: string): void {
  process.stdout.write(`${text}\n`)
}

/** Joins lines into messages: continued by \, fenced by """, or pasted at once. Ends with the input. */
async function* messages(session: Session): AsyncGenerator<string> {
  const { reader } = session
  const gathered: string[] = []
  let fenced = false
  for await (const block of blocks(reader)) {
    for (const line of block) {
      const isFence = line.trim() === '"""'
      if (isFence) fenced = !fenced
      else gathered.push(line)
    }
    const last = gathered.at(-1) ?? ''
    const continued = fenced || last.endsWith('\\')
    reader.setPrompt(continued ? prompts.next : prompts.first)
    if (continued) prompt(session)
    else if (gathered.length > 0)
      yield gathered
        .splice(0)
        .map((line) => line.replace(/\s*\\$/, ''))
        .join('\n')
        .trim()
    else prompt(session)
  }
}

/** Lines that arrive in one piece of input are one block: a paste. */
async function* blocks(reader: Interface): AsyncGenerator<readonly string[]> {
  let waiting: string[] = []
  let closed = false
  let wake = () => {}
  reader.on('line', (line) => {
    waiting.push(line)
    setImmediate(() => wake())
  })
  reader.on('close', () => {
    closed = true
    wake()
  })
  while (true) {
    if (waiting.length > 0) {
      const block = waiting
      waiting = []
      yield block
    } else if (closed) return
    else await new Promise<void>((resolve) => (wake = resolve))
  }
}

/** Newest first, as readline keeps it. The file has one JSON string a line, so that a message of several lines stays one entry. */
async function readHistory(file: string | undefined): Promise<string[]> {
  if (file === undefined) return []
  const lines = (await readFile(file, 'utf8').catch(() => '')).split('\n').filter(isEntry)
  const kept = lines.slice(-historySize)
  if (lines.length > 2 * historySize) await writeFile(file, `${kept.join('\n')}\n`, { mode: 0o600 })
  return kept.map((line) => String(JSON.parse(line)).replaceAll('\n', ' ')).reverse()
}

/** A line that somebody wrote by hand or a full disk cut is no reason not to talk. */
function isEntry(line: string): boolean {
  try {
    return typeof JSON.parse(line) === 'string'
  } catch {
    return false
  }
}

async function remember(file: string | undefined, message: string): Promise<void> {
  if (file !== undefined) await appendFile(file, `${JSON.stringify(message)}\n`, { mode: 0o600 })
}
