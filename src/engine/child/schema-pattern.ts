// Translates ECMA-262 regular expressions, which JSON Schema speaks, into those of Rust's regex crate, which llguidance speaks. Exact or not at all.

const digits = '0-9'
const words = '0-9A-Za-z_'
/** ECMA-262 WhiteSpace and LineTerminator: not Unicode's White_Space, which has U+0085 and lacks U+FEFF. */
const spaces =
  '\\x{9}-\\x{d}\\x{20}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}\\x{2028}\\x{2029}\\x{202f}\\x{205f}\\x{3000}\\x{feff}'
const anyButLineEnds = '[^\\x{a}\\x{d}\\x{2028}\\x{2029}]'
const classEscapes: Readonly<Record<string, string>> = { d: digits, w: words, s: spaces }
const controlEscapes: Readonly<Record<string, number>> = { t: 9, n: 10, v: 11, f: 12, r: 13 }

/** One code point, written so that no syntax of either side can mistake it. */
function literal(codePoint: number): string {
  const character = String.fromCodePoint(codePoint)
  return /^[0-9A-Za-z]$/.test(character) ? character : `\\x{${codePoint.toString(16)}}`
}

/** Thrown inside only: the pattern has something that Rust's language lacks (lookaround, back references) or that means something else there. */
class Untranslatable extends Error {}

class Translation {
  readonly #source: string
  #at = 0
  #result = ''
  /** Whether the last thing written may carry a quantifier, is one, or neither. */
  #last: 'atom' | 'quantifier' | 'other' = 'other'

  constructor(source: string) {
    this.#source = source
  }

  run(): string {
    while (this.#at < this.#source.length) this.#step()
    return this.#result
  }

  #step(): void {
    const character = this.#take()
    const braces = character === '{' ? /^\d+(?:,\d*)?\}/.exec(this.#rest()) : null
    if (character === '\\') this.#write(this.#escape(), 'atom')
    else if (character === '[') this.#write(this.#class(), 'atom')
    else if (character === '.') this.#write(anyButLineEnds, 'atom')
    else if (character === '(') this.#group()
    else if (character === ')') this.#write(')', 'atom')
    else if ('|^$'.includes(character)) this.#write(character, 'other')
    else if ('*+?'.includes(character)) this.#quantifier(character)
    else if (braces !== null) {
      this.#at += braces[0].length
      this.#quantifier(`{${braces[0]}`)
    } else this.#write(literal(character.codePointAt(0) ?? 0), 'atom')
  }

  #quantifier(text: string): void {
    if (this.#last === 'quantifier' && text === '?') {
      // Lazy or greedy: the same strings match.
      this.#last = 'other'
      return
    }
    if (this.#last !== 'atom') throw new Untranslatable()
    this.#write(text, 'quantifier')
  }

  /** Captures are not needed; lookaround and inline flags are not to be had. */
  #group(): void {
    const opening = /^\?(?::|<(?![=!])[^>]*>)/.exec(this.#rest())
    if (opening === null && this.#rest().startsWith('?')) throw new Untranslatable()
    this.#at += opening?.[0].length ?? 0
    this.#write('(?:', 'other')
  }

  /** What follows a backslash outside a class. */
  #escape(): string {
    const codePoint = this.#codePointEscape()
    if (codePoint !== undefined) return literal(codePoint)
    return this.#classEscape()
  }

  /** `\d`, `\W`, `\p{Lu}` and the like, as a class that also stands inside another. */
  #classEscape(): string {
    const letter = this.#take()
    const set = classEscapes[letter.toLowerCase()]
    if (set !== undefined) return letter === letter.toLowerCase() ? `[${set}]` : `[^${set}]`
    if (letter === 'p' || letter === 'P') {
      const property = /^\{(?:[A-Z][a-z]?|Script=[A-Za-z_]+)\}/.exec(this.#rest())
      if (property !== null) {
        this.#at += property[0].length
        return `\\${letter}${property[0]}`
      }
    }
    throw new Untranslatable()
  }

  /** An escape that stands for one code point; undefined, with nothing taken, for any other. */
  #codePointEscape(): number | undefined {
    const rest = this.#rest()
    const first = rest[0] ?? ''
    const control = controlEscapes[first]
    if (control !== undefined) return this.#skip(1, control)
    const hex = /^(?:x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|u\{([0-9A-Fa-f]{1,6})\})/.exec(rest)
    if (hex !== null) return this.#hexadecimal(hex)
    const letter = /^c([A-Za-z])/.exec(rest)?.[1]
    if (letter !== undefined) return this.#skip(2, letter.charCodeAt(0) % 32)
    if (/^0(?!\d)/.test(rest)) return this.#skip(1, 0)
    // Everything that is no letter and no digit stands for itself.
    if (first !== '' && !/[0-9A-Za-z]/.test(first)) return this.#take().codePointAt(0)
    return undefined
  }

  #hexadecimal(match: RegExpExecArray): number {
    this.#at += match[0].length
    const value = Number.parseInt(match[1] ?? match[2] ?? match[3] ?? '', 16)
    if (value < 0xd800 || value > 0xdfff) {
      if (value > 0x10ffff) throw new Untranslatable()
      return value
    }
    const low = /^\\u([dD][c-fC-F][0-9A-Fa-f]{2})/.exec(this.#rest())
    if (value > 0xdbff || low === null) throw new Untranslatable()
    this.#at += low[0].length
    return 0x10000 + (value - 0xd800) * 0x400 + (Number.parseInt(low[1] ?? '', 16) - 0xdc00)
  }

  #class(): string {
    const negated = this.#source[this.#at] === '^'
    if (negated) this.#at++
    let items = ''
    while (this.#source[this.#at] !== ']') {
      const from = this.#classAtom()
      const isRange = this.#source[this.#at] === '-' && (this.#source[this.#at + 1] ?? ']') !== ']'
      if (!isRange) {
        items += typeof from === 'number' ? literal(from) : from
        continue
      }
      this.#at++
      const to = this.#classAtom()
      if (typeof from !== 'number' || typeof to !== 'number') throw new Untranslatable()
      items += `${literal(from)}-${literal(to)}`
    }
    this.#at++
    if (items !== '') return `[${negated ? '^' : ''}${items}]`
    if (negated) return '(?s:.)'
    throw new Untranslatable()
  }

  #classAtom(): number | string {
    const character = this.#take()
    if (character !== '\\') return character.codePointAt(0) ?? 0
    if (this.#source[this.#at] === 'b') return this.#skip(1, 8)
    return this.#codePointEscape() ?? this.#classEscape()
  }

  #take(): string {
    const codePoint = this.#source.codePointAt(this.#at)
    if (codePoint === undefined) throw new Untranslatable()
    const character = String.fromCodePoint(codePoint)
    this.#at += character.length
    return character
  }

  #skip(length: number, value: number): number {
    this.#at += length
    return value
  }

  #rest(): string {
    return this.#source.slice(this.#at)
  }

  #write(text: string, kind: 'atom' | 'quantifier' | 'other'): void {
    this.#result += text
    this.#last = kind
  }
}

/** The same language for Rust's regex crate; undefined where there is none. The source is assumed to be a valid ECMA-262 expression. */
export function translatePattern(source: string): string | undefined {
  try {
    return new Translation(source).run()
  } catch (error) {
    if (error instanceof Untranslatable) return undefined
    throw error
  }
}
