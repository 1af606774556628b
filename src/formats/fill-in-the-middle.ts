// Fill-in-the-middle prompts in the form that each family of code models was trained on, told apart by the tokens of the vocabulary.

import type { FillInTheMiddle } from './format.ts'
import { SegmentList } from './segments.ts'

interface Family {
  readonly name: string
  readonly prefix: string
  readonly suffix: string
  readonly middle: string
  /** Tokens before a repository's name and before each file, where the family was trained on whole repositories. */
  readonly repository?: string
  readonly file?: string
  /** SentencePiece's leading space is not added to the suffix (Code Llama's reference code). */
  readonly bareSuffix?: true
}

/** Prefix, suffix, middle: the order that all of these document. */
const families: readonly Family[] = [
  {
    // Qwen2.5-Coder, CodeGemma. https://github.com/QwenLM/Qwen2.5-Coder (file- and repository-level completion)
    name: 'fim-bars',
    prefix: '<|fim_prefix|>',
    suffix: '<|fim_suffix|>',
    middle: '<|fim_middle|>',
    repository: '<|repo_name|>',
    file: '<|file_sep|>',
  },
  {
    // StarCoder and StarCoder2, Granite Code.
    name: 'fim-tags',
    prefix: '<fim_prefix>',
    suffix: '<fim_suffix>',
    middle: '<fim_middle>',
    repository: '<repo_name>',
    file: '<file_sep>',
  },
  { name: 'deepseek', prefix: '<｜fim▁begin｜>', suffix: '<｜fim▁hole｜>', middle: '<｜fim▁end｜>' },
  // Code Llama: `<PRE> prefix <SUF>suffix <MID>`, spelled with SentencePiece's space.
  { name: 'code-llama', prefix: '▁<PRE>', suffix: '▁<SUF>', middle: '▁<MID>', bareSuffix: true },
]

/** The form for a vocabulary (control tokens: text → id); undefined where it has no fill-in-the-middle tokens. */
export function fillInTheMiddle(tokens: ReadonlyMap<string, number>): FillInTheMiddle | undefined {
  if (tokens.has('[SUFFIX]') && tokens.has('[PREFIX]')) return mistralFillIn(tokens)
  const family = families.find(({ prefix, suffix, middle }) =>
    [prefix, suffix, middle].every((token) => tokens.has(token)),
  )
  return family === undefined ? undefined : familyFillIn(family, tokens)
}

/** Mistral: the suffix first, encoded as if it stood inside a text. Other files are told the way Codestral was shown them. */
function mistralFillIn(tokens: ReadonlyMap<string, number>): FillInTheMiddle {
  return {
    name: 'mistral',
    stopTokens: [],
    render(prefix, suffix, files) {
      const out = new SegmentList()
      if (tokens.has('<s>')) out.control('<s>')
      out.control('[SUFFIX]')
      out.bareText(suffix)
      out.control('[PREFIX]')
      for (const { name, text } of files) out.text(`+++++ ${name}\n${text}\n\n`)
      out.text(prefix)
      return out.segments
    },
  }
}

function familyFillIn(family: Family, tokens: ReadonlyMap<string, number>): FillInTheMiddle {
  const { repository, file } = family
  const knowsFiles = file !== undefined && tokens.has(file)
  const ends = ['<|fim_pad|>', '<|cursor|>', '▁<EOT>', repository, file, '<|endoftext|>']
  return {
    name: family.name,
    stopTokens: ends.filter((token): token is string => token !== undefined && tokens.has(token)),
    render(prefix, suffix, files) {
      const out = new SegmentList()
      if (files.length > 0 && knowsFiles) {
        if (repository !== undefined && tokens.has(repository)) {
          out.control(repository)
          out.text('repository\n')
        }
        for (const { name, text } of files) {
          out.control(file)
          out.text(`${name}\n${text}\n`)
        }
        // The file being written has no name here; the families put one before it.
        out.control(file)
        out.text('current\n')
      }
      out.control(family.prefix)
      const before = knowsFiles ? '' : files.map(({ name, text }) => `# ${name}\n${text}\n\n`).join('')
      out.text(before + prefix)
      out.control(family.suffix)
      if (family.bareSuffix) out.bareText(suffix)
      else out.text(suffix)
      out.control(family.middle)
      return out.segments
    },
  }
}
