// A queue that is fair twice: between workspaces, and inside one between its keys (deficit round robin, by weight). Pure; knows no model and no clock.

/** Whose turn an item takes, and how much of it. */
export interface Share {
  readonly workspace: string
  readonly key: string
  /** Estimated work, in tokens, finite: a key that sends long prompts gets fewer of them through. */
  readonly cost: number
  /** How much more than others the workspace gets, and inside it the key; 1 without it. */
  readonly weights?: { readonly workspace: number; readonly key: number }
}

/** Items in the order in which they are served. */
export interface FairQueue<Item> {
  readonly size: number
  push(item: Item, share: Share): void
  /** Items of a workspace, or of one of its keys. */
  sizeOf(workspace: string, key?: string): number
  /** The next item, which stays. */
  peek(): Item | undefined
  /** The next item, which leaves. */
  take(): Item | undefined
  /** Takes an item out of the middle; false when it is not there. */
  remove(item: Item): boolean
}

// Work granted per round. Small beside a usual request (some hundreds of tokens), so that keys alternate and do not come in bursts.
const quantum = 128

interface Entry<Item> {
  readonly item: Item
  readonly share: Share
}

/** One party of a rotation: its own line, and the work it may still send in this round. */
interface Party<Line> {
  readonly name: string
  readonly line: Line
  /** Rounds count so many times for it. */
  weight: number
  credit: number
}

/** Lines that take turns. The head of a rotation is the head of the line whose turn it is. */
interface Rotation<Line> {
  readonly parties: Party<Line>[]
  turn: number
}

type KeyLine<Item> = Entry<Item>[]
type WorkspaceLine<Item> = Rotation<KeyLine<Item>>

/** An empty queue. */
export function createFairQueue<Item>(): FairQueue<Item> {
  const workspaces: Rotation<WorkspaceLine<Item>> = { parties: [], turn: 0 }
  let size = 0

  const headOfWorkspace = (line: WorkspaceLine<Item>) => {
    const party = select(line, (keys) => keys[0]?.share.cost ?? 0)
    return { party, entry: party?.line[0] }
  }
  const head = () => {
    const workspace = select(workspaces, (line) => headOfWorkspace(line).entry?.share.cost ?? 0)
    if (workspace === undefined) return undefined
    const { party, entry } = headOfWorkspace(workspace.line)
    return party === undefined || entry === undefined ? undefined : { workspace, key: party, entry }
  }
  const drop = (workspace: Party<WorkspaceLine<Item>>, key: Party<KeyLine<Item>>, index: number) => {
    key.line.splice(index, 1)
    size -= 1
    if (key.line.length === 0) leave(workspace.line, key)
    if (workspace.line.parties.length === 0) leave(workspaces, workspace)
  }

  return {
    get size() {
      return size
    },
    push(item, share) {
      const workspace = join<WorkspaceLine<Item>>(workspaces, share.workspace, () => ({ parties: [], turn: 0 }))
      const key = join<KeyLine<Item>>(workspace.line, share.key, () => [])
      key.line.push({ item, share })
      // The newest call tells the weight in force.
      workspace.weight = share.weights?.workspace ?? 1
      key.weight = share.weights?.key ?? 1
      size += 1
    },
    sizeOf(workspace, key) {
      const keys = workspaces.parties.find(({ name }) => name === workspace)?.line.parties ?? []
      return keys
        .filter(({ name }) => key === undefined || name === key)
        .reduce((sum, { line }) => sum + line.length, 0)
    },
    peek: () => head()?.entry.item,
    take() {
      const next = head()
      if (next === undefined) return undefined
      next.workspace.credit -= next.entry.share.cost
      next.key.credit -= next.entry.share.cost
      drop(next.workspace, next.key, 0)
      return next.entry.item
    },
    remove(item) {
      for (const workspace of workspaces.parties) {
        for (const key of workspace.line.parties) {
          const index = key.line.findIndex((entry) => entry.item === item)
          if (index < 0) continue
          drop(workspace, key, index)
          return true
        }
      }
      return false
    },
  }
}

/**
 * The party whose credit covers its head; those before it get a round's credit and are passed over. Rounds in which nobody could be
 * served are granted at once, so that the cost of a head never decides how long this takes.
 */
function select<Line>(rotation: Rotation<Line>, headCost: (line: Line) => number): Party<Line> | undefined {
  const { parties } = rotation
  if (parties.length === 0) return undefined
  const missing = (party: Party<Line>) => Math.ceil((headCost(party.line) - party.credit) / (quantum * party.weight))
  const idleRounds = Math.min(...parties.map(missing)) - 1
  if (idleRounds > 0) for (const party of parties) party.credit += idleRounds * quantum * party.weight
  for (;;) {
    const party = parties[rotation.turn % parties.length]
    if (party === undefined || missing(party) <= 0) return party
    party.credit += quantum * party.weight
    rotation.turn = (rotation.turn + 1) % parties.length
  }
}

function join<Line>(rotation: Rotation<Line>, name: string, empty: () => Line): Party<Line> {
  const found = rotation.parties.find((party) => party.name === name)
  if (found !== undefined) return found
  const party = { name, line: empty(), weight: 1, credit: 0 }
  rotation.parties.push(party)
  return party
}

/** A party that has nothing left loses its credit: nobody saves up turns while idle. */
function leave<Line>(rotation: Rotation<Line>, party: Party<Line>): void {
  const index = rotation.parties.indexOf(party)
  rotation.parties.splice(index, 1)
  if (index < rotation.turn) rotation.turn -= 1
}
