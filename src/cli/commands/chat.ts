// `galerne chat`: talks with a model of the running server, in a terminal or through a pipe.
import { text as readAll } from 'node:stream/consumers'
import { type Command, InvalidArgumentError } from 'commander'
import { systemClock } from '../../base/clock.ts'
import { historyFile, makeHome } from '../../base/home.ts'
import { runTerminal } from '../chat-terminal.ts'
import type { Connection } from '../connection.ts'
import { type Answer, type AnswerOptions, askModel, type OnText, type Turn } from '../conversation.ts'
import { addRemote, withServer } from '../remote.ts'
import { configFrom } from '../settings.ts'
import { dim, printResult, remark } from '../terminal.ts'

interface ChatOptions {
  readonly use?: string
  readonly system?: string
  readonly temperature?: number
  readonly maxTokens?: number
  readonly history: boolean
  readonly json?: boolean
}

/** Adds the command. */
export function addChatCommand(program: Command): void {
  const command = program
    .command('chat [message...]')
    .summary('talk with a model of the running server')
    .description(
      'Talks with a model of the running server. In a terminal it keeps a conversation; /help lists its commands.\n' +
        'With a message, or with text on standard input, it answers once: cat notes.txt | galerne chat "Summarise this."',
    )
    .option('--use <model>', "Name of the model to talk with; the server's first chat model without it.")
    .option('--system <text>', 'System message.')
    .option('--temperature <number>', 'How freely words are chosen: 0 is always the likeliest.', decimal)
    .option('--max-tokens <number>', 'Longest answer, in tokens.', decimal)
    .option('--no-history', 'Do not keep the typed lines in home for the next time.')
  addRemote(command).action(runChat)
}

async function runChat(words: readonly string[], options: ChatOptions): Promise<void> {
  await withServer({ ...options }, async (connection) => {
    const model = options.use ?? (await firstChatModel(connection))
    const answerOptions: AnswerOptions = {
      model,
      ...(options.temperature !== undefined && { temperature: options.temperature }),
      ...(options.maxTokens !== undefined && { maxTokens: options.maxTokens }),
    }
    const system: Turn[] = options.system === undefined ? [] : [{ role: 'system', content: options.system }]
    if (words.length > 0 || process.stdin.isTTY !== true || options.json === true) {
      await answerOnce(connection, answerOptions, system, words.join(' '), options.json === true)
    } else {
      await converse(
        connection,
        answerOptions,
        system,
        options.history ? configFrom({ ...options }).config.home : undefined,
      )
    }
  })
}

async function firstChatModel(connection: Connection): Promise<string> {
  const listed = (await (await connection.send('/v1/models')).json()) as {
    data: readonly { id: string; capabilities?: { completion_chat?: boolean } }[]
  }
  const model = listed.data.find((entry) => entry.capabilities?.completion_chat !== false)
  if (model === undefined) throw new Error('The server has no model that chats.')
  return model.id
}

async function answerOnce(
  connection: Connection,
  options: AnswerOptions,
  system: readonly Turn[],
  question: string,
  json: boolean,
): Promise<void> {
  const piped = process.stdin.isTTY === true ? '' : await readAll(process.stdin)
  const content = [question, piped.trim()].filter((part) => part !== '').join('\n\n')
  if (content === '') throw new Error('There is no message: give one as an argument or on standard input.')
  const controller = new AbortController()
  process.once('SIGINT', () => controller.abort())
  const turns: readonly Turn[] = [...system, { role: 'user', content }]
  // A pipe gets the answer and nothing else.
  const write: OnText = (text, thought) => void (json || thought || process.stdout.write(text))
  const answer = await askModel(connection, turns, options, systemClock, controller.signal, write)
  if (json) printResult(true, { model: options.model, ...answer }, () => '')
  else process.stdout.write('\n')
  if (process.stderr.isTTY === true && !json) remark(dim(figures(answer, options.maxTokens), process.stderr))
}

async function converse(
  connection: Connection,
  options: AnswerOptions,
  system: readonly Turn[],
  home: string | undefined,
): Promise<void> {
  let turns: readonly Turn[] = system
  if (home !== undefined) await makeHome(home)
  process.stdout.write(`${options.model} at ${connection.url}. ${dim('/help for help, Ctrl-D leaves.')}\n`)
  await runTerminal(
    {
      async answer(message, signal, write) {
        const asked: readonly Turn[] = [...turns, { role: 'user', content: message }]
        const answer = await askModel(connection, asked, options, systemClock, signal, write)
        // A stopped answer stays in the conversation as far as it came: the user has read it.
        turns = [...asked, { role: 'assistant', content: answer.text }]
        return figures(answer, options.maxTokens)
      },
      clear: () => (turns = turns.filter((turn) => turn.role === 'system')),
      setSystem: (content) => (turns = [{ role: 'system', content }]),
    },
    home === undefined ? undefined : historyFile(home),
  )
}

function figures(answer: Answer, maxTokens: number | undefined): string {
  if (answer.finishReason === null) return 'stopped'
  const parts = [
    answer.completionTokens === null ? '' : `${answer.completionTokens} tokens`,
    answer.tokensPerSecond === null ? '' : `${answer.tokensPerSecond.toFixed(1)} tokens/s`,
    answer.firstTokenSeconds === null ? '' : `first after ${answer.firstTokenSeconds.toFixed(2)} s`,
    answer.cachedTokens === null || answer.cachedTokens === 0
      ? ''
      : `${answer.cachedTokens} of ${answer.promptTokens} prompt tokens cached`,
    answer.finishReason !== 'length' ? '' : maxTokens === undefined ? 'cut: the context is full' : 'cut at max-tokens',
  ]
  return parts.filter((part) => part !== '').join(', ')
}

function decimal(text: string): number {
  const value = Number(text)
  if (text.trim() === '' || !Number.isFinite(value)) throw new InvalidArgumentError('It must be a number.')
  return value
}
