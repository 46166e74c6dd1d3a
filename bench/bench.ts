// What a bench is: one question, an answer that is checked before anything is timed, and figures.

import { calibrate } from './calibration.ts'

export type Size = 'small' | 'large'

export type Figure = {
  name: string
  value: number
  unit: string
}

export type Result = {
  figures: Figure[]
  /** What the bench computed, as one number or text: a faster run with another one is no gain. */
  checksum: string
}

/** A result with the machine it is of. */
export type Run = Result & {
  /** Microseconds of the calibration kernel in the same process: see kernel.ts. */
  kernel: number
}

/**
 * Whether what is measured waits for nobody (open: load comes on a schedule, and latency counts from
 * it) or takes the next piece when it is done with the last (closed: as fast as it can).
 */
export type Load = 'open loop' | 'closed loop'

export type Bench = {
  /** The question it answers, with what a figure means. */
  question: string
  /** Where there is a load at all. */
  load?: Load
  /** Whether it keeps two cores busy: then the kernel is timed on both at once. */
  bothCores?: boolean
  /** Why it cannot run here, or undefined. */
  unavailable?(): string | undefined
  /**
   * Runs it. `small` is for the tests: same code, too little work for a figure worth quoting.
   *
   * @throws Error when an answer is wrong: then there is nothing to time
   */
  run(size: Size): Promise<Result>
}

/**
 * Nanoseconds of one call, the least of many rounds: what the code takes when the machine, which is
 * shared, lets it run.
 */
export function leastNanoseconds(size: Size, callsPerRound: number, call: () => void): number {
  return leastInTurns(size, [{ calls: callsPerRound, call }])[0]!
}

/** The same of several calls, a round of each in turns: what is compared meets the same noise. */
export function leastInTurns(
  size: Size,
  turns: readonly { calls: number; call: () => void }[],
): number[] {
  const rounds = size === 'small' ? 2 : 200
  const least = turns.map(() => Number.POSITIVE_INFINITY)
  for (const { calls, call } of turns) for (let i = 0; i < calls; i++) call()
  for (let round = 0; round < rounds; round++) {
    calibrate()
    for (const [turn, { calls, call }] of turns.entries()) {
      const started = Bun.nanoseconds()
      for (let i = 0; i < calls; i++) call()
      least[turn] = Math.min(least[turn]!, (Bun.nanoseconds() - started) / calls)
    }
  }
  return least
}

/** Rounded to three significant digits: more would be noise. */
export function figure(name: string, value: number, unit: string): Figure {
  return { name, value: Number(value.toPrecision(3)), unit }
}

/** FNV-1a over bytes, for checksums. */
export function fnv1a(bytes: Uint8Array, seed = 0x811c9dc5): number {
  let hash = seed
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0
  return hash
}

export function check(condition: boolean, message: string): void {
  if (!condition) throw new Error(`wrong answer: ${message}`)
}
