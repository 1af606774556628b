// A radix tree over token ids, one per scope: who holds the longest beginning of a prompt. Knows no stream and no engine; `H` is whatever holds tokens.

interface Node<H> {
  parent: Node<H> | undefined
  /** Tokens from the parent to here. */
  label: number[]
  /** Tokens from the root to the end of `label`. */
  depth: number
  readonly children: Map<number, Node<H>>
  /** Holders whose tokens end exactly here. */
  readonly holders: Set<H>
}

/** A holder whose tokens begin with the first `length` tokens that were looked up. */
export interface PrefixMatch<H> {
  readonly holder: H
  readonly length: number
}

/** Every node has a holder at or below it, so a match at a node always names somebody. Look-up costs the length of the match. */
export class PrefixTree<H> {
  readonly #roots = new Map<string, Node<H>>()
  readonly #ends = new Map<H, { readonly scope: string; node: Node<H> }>()

  /** Tokens that `holder` has, 0 when it is not in the tree. */
  length(holder: H): number {
    return this.#ends.get(holder)?.node.depth ?? 0
  }

  /** Puts `holder` at the root of `scope`, holding nothing yet. It must not be in the tree. */
  add(holder: H, scope: string): void {
    let root = this.#roots.get(scope)
    if (root === undefined) {
      root = node<H>(undefined, [], 0)
      this.#roots.set(scope, root)
    }
    root.holders.add(holder)
    this.#ends.set(holder, { scope, node: root })
  }

  /** Appends tokens to what `holder` has. */
  extend(holder: H, tokens: readonly number[]): void {
    const end = this.#ends.get(holder)
    if (end === undefined || tokens.length === 0) return
    end.node.holders.delete(holder)
    const place = append(end.node, tokens)
    place.holders.add(holder)
    end.node = place
  }

  /** Forgets all but the first `length` tokens of `holder`. */
  truncate(holder: H, length: number): void {
    const end = this.#ends.get(holder)
    if (end === undefined || end.node.depth <= length) return
    const left = end.node
    left.holders.delete(holder)
    let place = left
    while (start(place) > length) place = place.parent ?? place
    if (place.depth > length && start(place) === length && place.parent !== undefined) place = place.parent
    if (place.depth > length) place = split(place, length - start(place))
    place.holders.add(holder)
    end.node = place
    this.#prune(left, end.scope)
  }

  /** Forgets `holder`. */
  remove(holder: H): void {
    const end = this.#ends.get(holder)
    if (end === undefined) return
    this.#ends.delete(holder)
    end.node.holders.delete(holder)
    this.#prune(end.node, end.scope)
  }

  /** Holders in `scope` that share a beginning of at least one token with `tokens`, longest first. */
  *matches(scope: string, tokens: readonly number[]): Generator<PrefixMatch<H>> {
    const root = this.#roots.get(scope)
    if (root === undefined) return
    const path: { node: Node<H>; length: number }[] = []
    let at: Node<H> | undefined = root
    let length = 0
    while (at !== undefined) {
      const next: Node<H> | undefined = at.children.get(tokens[length] ?? -1)
      if (next === undefined) break
      const shared = commonLength(next.label, 0, tokens, length)
      length += shared
      path.push({ node: next, length })
      at = shared === next.label.length ? next : undefined
    }
    let below: Node<H> | undefined
    for (const { node: shared, length: matched } of path.reverse()) {
      for (const holder of holdersWithin(shared, below)) yield { holder, length: matched }
      below = shared
    }
  }

  /** Whether another holder has all of this one's tokens, so that losing it loses nothing. */
  covered(holder: H): boolean {
    const place = this.#ends.get(holder)?.node
    return place !== undefined && (place.holders.size > 1 || place.children.size > 0)
  }

  #prune(from: Node<H>, scope: string): void {
    let place = from
    while (place.holders.size === 0 && place.children.size === 0) {
      const parent = place.parent
      if (parent === undefined) {
        this.#roots.delete(scope)
        return
      }
      parent.children.delete(place.label[0] ?? -1)
      place = parent
    }
  }
}

function node<H>(parent: Node<H> | undefined, label: number[], depth: number): Node<H> {
  return { parent, label, depth, children: new Map(), holders: new Set() }
}

function start<H>(place: Node<H>): number {
  return place.depth - place.label.length
}

/** The node that ends `tokens` further below `from`; made where it is missing. */
function append<H>(from: Node<H>, tokens: readonly number[]): Node<H> {
  let at = from
  let done = 0
  while (done < tokens.length) {
    const first = tokens[done] ?? -1
    const next = at.children.get(first)
    if (next === undefined) return grow(at, tokens, done)
    const shared = commonLength(next.label, 0, tokens, done)
    done += shared
    at = shared === next.label.length ? next : split(next, shared)
  }
  return at
}

/** A leaf that nobody else ends in grows in place: the usual case, one token a step. */
function grow<H>(at: Node<H>, tokens: readonly number[], done: number): Node<H> {
  const rest = tokens.slice(done)
  if (at.parent !== undefined && at.children.size === 0 && at.holders.size === 0) {
    for (const token of rest) at.label.push(token)
    at.depth += rest.length
    return at
  }
  const leaf = node(at, rest, at.depth + rest.length)
  at.children.set(rest[0] ?? -1, leaf)
  return leaf
}

/** Cuts `place` after `length` tokens of its label; returns the new upper node. */
function split<H>(place: Node<H>, length: number): Node<H> {
  const parent = place.parent
  if (parent === undefined || length >= place.label.length) return place
  const upper = node(parent, place.label.slice(0, length), start(place) + length)
  parent.children.set(upper.label[0] ?? -1, upper)
  place.label = place.label.slice(length)
  place.parent = upper
  upper.children.set(place.label[0] ?? -1, place)
  return upper
}

function* holdersWithin<H>(place: Node<H>, except: Node<H> | undefined): Generator<H> {
  yield* place.holders
  for (const child of place.children.values()) {
    if (child !== except) yield* holdersWithin(child, except)
  }
}

/** How many tokens are equal from `leftStart` in `left` and `rightStart` in `right` on. */
export function commonLength(
  left: readonly number[],
  leftStart: number,
  right: readonly number[],
  rightStart: number,
): number {
  const most = Math.min(left.length - leftStart, right.length - rightStart)
  let length = 0
  while (length < most && left[leftStart + length] === right[rightStart + length]) length += 1
  return length
}
