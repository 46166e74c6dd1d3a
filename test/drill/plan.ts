// The plan of a drill: what goes wrong when. A seed determines it.

import { Random } from '../../src/applications/random.ts'

/** Those that kill, and how many parts of all kills each gets. */
const KILLS = { 'kill worker': 4, 'kill broker': 1 } as const

/** What goes wrong besides, and how often, in parts. */
const OTHERS = {
  'stop worker': 3,
  'add worker': 2,
  'freeze worker': 2,
  'pause broker': 1,
  'slow network': 2,
  'lose answers': 2,
  'fence producer': 2,
  'add partition': 1,
} as const

type Kind = keyof typeof KILLS | keyof typeof OTHERS

export const KINDS = [...Object.keys(KILLS), ...Object.keys(OTHERS)] as readonly Kind[]

export type Fault = {
  /** Milliseconds from the start. */
  atMs: number
  kind: Kind
  /** Whom it hits, of those there are then: from 0 to 1. */
  pick: number
  /** How long, how slow, how far: from 0 to 1. */
  extent: number
}

/** The first moments and the last are undisturbed: workers start, and what is begun can end. */
const QUIET_SHARE = 0.05

/** @param kills  how many of the faults are kills; there are as many others */
export function makePlan(seed: number, kills: number, seconds: number): Fault[] {
  const random = new Random(seed)
  const moment = () => seconds * 1000 * (QUIET_SHARE + random.uniform() * (1 - 2 * QUIET_SHARE))
  const make = (kind: Kind): Fault => ({
    atMs: Math.round(moment()),
    kind,
    pick: random.uniform(),
    extent: random.uniform(),
  })
  const faults: Fault[] = []
  for (let i = 0; i < kills; i++) faults.push(make(choose(random, KILLS)))
  // Each kind comes at least once, where there are enough of them.
  const kinds = Object.keys(OTHERS) as (keyof typeof OTHERS)[]
  for (let i = 0; i < kills; i++) faults.push(make(kinds[i] ?? choose(random, OTHERS)))
  return faults.sort((a, b) => a.atMs - b.atMs)
}

function choose<K extends string>(random: Random, parts: Readonly<Record<K, number>>): K {
  const entries = Object.entries(parts) as [K, number][]
  let at = random.below(entries.reduce((sum, [, part]) => sum + part, 0))
  return entries.find(([, part]) => (at -= part) < 0)![0]
}
