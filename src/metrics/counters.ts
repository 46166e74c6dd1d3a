// Counters that a worker writes and the main thread reads, in shared memory: no message per batch,
// no lock. Each worker has its own block and is its only writer. A block's counters live as long as
// the process and only grow; what belongs to the current partition is set anew at each assignment.
//
// Numbers are f64, aligned: one machine store each, so a reader never sees half of one.

/** What a worker is doing: the stage of the data path, named in health and metrics. */
export const STAGES = [
  'idle',
  'waiting',
  'starting',
  'fetch',
  'gather',
  'decide',
  'schema',
  'produce',
  'challenge',
  'commit',
  'abort',
  'rewind',
] as const
export type Stage = (typeof STAGES)[number]

/** Stages whose durations are measured, the batch as a whole, and a record's whole way. */
export const TIMED = [
  'fetch',
  'gather',
  'decide',
  'produce',
  'challenge',
  'commit',
  'batch',
  /** From a record's timestamp to its commit. */
  'latency',
] as const
export type Timed = (typeof TIMED)[number]

/** Why a record could not be decided: the classes of dead letters. */
export const DEAD_LETTER_CLASSES = [
  'unknown-framing',
  'unknown-schema',
  'truncated',
  'varint-overflow',
  'trailing-bytes',
  'bad-union-branch',
  'bad-enum-symbol',
  'impossible-value',
  'length-out-of-range',
  'too-deep',
  'bad-string',
  'incompatible-schema',
  'too-large',
  'no-value',
] as const
export type DeadLetterClass = (typeof DEAD_LETTER_CLASSES)[number]

/** Outcomes, in the order of DECISION_… in assembly/layout.ts. */
export const OUTCOMES = ['approved', 'rejected', 'referred'] as const

/** Reason codes that are counted apart in a process's life; the last slot is for any more. */
export const REASON_SLOTS = 256
/** HMDA denial codes run from 1 to it. */
export const DENIAL_CODES = 10

/** Upper bounds of the histograms' buckets, seconds: 1, 2.5 and 5 per decade from 1 µs to 10 s. */
export const BUCKETS: readonly number[] = [
  1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 1e-2, 2.5e-2,
  5e-2, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
]
/** Buckets, the one beyond the last bound, and the sum. */
const HISTOGRAM_NUMBERS = BUCKETS.length + 2

const SCALARS = [
  /** Records read. */
  'records',
  'batches',
  'commits',
  'aborts',
  'restarts',
  /** Of the current partition: first offset read in this assignment, -1 before. */
  'firstOffset',
  /** Next offset to read after what was decided, and after what was committed; -1: not known. */
  'position',
  'committed',
  /** End of the partition when it was last reached, -1 before. */
  'endReached',
  /** Up to where it could be read when that was last told, -1 before: every second or so. */
  'stableEnd',
  /** Date.now() of the last progress: a batch decided, a commit, the partition's end reached. */
  'progressAtMs',
  'assignedAtMs',
  /** Date.now() when the first batch of this assignment was handed to librdkafka; 0 before. */
  'firstDecisionAtMs',
  /** Timestamp of the record decided last, ms since 1970 by its sender's clock; 0 before. */
  'recordAtMs',
  /** Reasons of the score that were withheld, as they would not have helped. */
  'reasonsWithheld',
  /** Batches whose spans were not posted, as there were too many. */
  'spansDropped',
  /** Failures of the challenger, and its decisions that were not delivered. */
  'challengerErrors',
  'challengerDropped',
  /** 1 once the worker has given the challenger up, until the next program. */
  'challengerOff',
  /** Number of the program since which the challenger's outcomes and pairs are counted. */
  'challengerSince',
] as const
export type Scalar = (typeof SCALARS)[number]

const OUTCOMES_AT = SCALARS.length
const DEAD_AT = OUTCOMES_AT + OUTCOMES.length
const REASONS_AT = DEAD_AT + DEAD_LETTER_CLASSES.length
const DENIALS_AT = REASONS_AT + REASON_SLOTS
const CHALLENGER_AT = DENIALS_AT + DENIAL_CODES
const PAIRS_AT = CHALLENGER_AT + OUTCOMES.length
const HISTOGRAMS_AT = PAIRS_AT + OUTCOMES.length ** 2
const NUMBERS = HISTOGRAMS_AT + TIMED.length * HISTOGRAM_NUMBERS
const CONTROL_BYTES = 16

/** What the main thread asks of a worker's loop. Higher numbers override lower ones. */
export const COMMAND_RUN = 0
/** Give up what is not committed and begin anew. */
export const COMMAND_RESTART = 1
/** Finish the batch, commit, let go. */
export const COMMAND_DRAIN = 2
/** The partition is another's: abort, let go. */
export const COMMAND_ABANDON = 3

export class Counters {
  readonly buffer: SharedArrayBuffer
  private readonly control: Int32Array
  private readonly numbers: Float64Array

  constructor(buffer = new SharedArrayBuffer(CONTROL_BYTES + NUMBERS * 8)) {
    this.buffer = buffer
    this.control = new Int32Array(buffer, 0, CONTROL_BYTES / 4)
    this.numbers = new Float64Array(buffer, CONTROL_BYTES)
  }

  get command(): number {
    return Atomics.load(this.control, 0)
  }

  set command(command: number) {
    Atomics.store(this.control, 0, command)
  }

  /** Number of the program that the worker shall use, and of the one that it uses: 0 at first. */
  get programWanted(): number {
    return Atomics.load(this.control, 2)
  }

  set programWanted(number: number) {
    Atomics.store(this.control, 2, number)
  }

  get programUsed(): number {
    return Atomics.load(this.control, 3)
  }

  set programUsed(number: number) {
    Atomics.store(this.control, 3, number)
  }

  get stage(): Stage {
    return STAGES[Atomics.load(this.control, 1)]!
  }

  set stage(stage: Stage) {
    Atomics.store(this.control, 1, STAGES.indexOf(stage))
  }

  get(name: Scalar): number {
    return this.numbers[SCALARS.indexOf(name)]!
  }

  set(name: Scalar, value: number): void {
    this.numbers[SCALARS.indexOf(name)] = value
  }

  /** Up to where the partition was read: behind its end may lie control records, never fetched. */
  get readUpTo(): number {
    return Math.max(this.get('position'), this.get('endReached'))
  }

  /** Offsets that could be read when that was last told, and were not. */
  get unread(): number {
    return this.get('stableEnd') - this.readUpTo
  }

  add(name: Scalar, value: number): void {
    this.numbers[SCALARS.indexOf(name)]! += value
  }

  outcome(outcome: number): number {
    return this.numbers[OUTCOMES_AT + outcome]!
  }

  addOutcome(outcome: number, count: number): void {
    this.numbers[OUTCOMES_AT + outcome]! += count
  }

  reason(slot: number): number {
    return this.numbers[REASONS_AT + slot]!
  }

  addReason(slot: number, count: number): void {
    this.numbers[REASONS_AT + slot]! += count
  }

  /** Reasons that scores gave, by HMDA denial code. */
  denials(code: number): number {
    return this.numbers[DENIALS_AT + code - 1]!
  }

  addDenials(code: number, count: number): void {
    this.numbers[DENIALS_AT + code - 1]! += count
  }

  deadLetters(name: DeadLetterClass): number {
    return this.numbers[DEAD_AT + DEAD_LETTER_CLASSES.indexOf(name)]!
  }

  addDeadLetter(name: DeadLetterClass): void {
    this.numbers[DEAD_AT + DEAD_LETTER_CLASSES.indexOf(name)]! += 1
  }

  challengerOutcome(outcome: number): number {
    return this.numbers[CHALLENGER_AT + outcome]!
  }

  addChallengerOutcome(outcome: number, count: number): void {
    this.numbers[CHALLENGER_AT + outcome]! += count
  }

  /** Records by the champion's outcome and the challenger's: `champion * OUTCOMES.length + own`. */
  pair(pair: number): number {
    return this.numbers[PAIRS_AT + pair]!
  }

  addPair(pair: number, count: number): void {
    this.numbers[PAIRS_AT + pair]! += count
  }

  /** Counts the challenger from 0 on: its pairs are of these two models alone. */
  startChallenger(programNumber: number): void {
    this.numbers.fill(0, CHALLENGER_AT, HISTOGRAMS_AT)
    this.set('challengerSince', programNumber)
  }

  /** Adds a duration to a histogram, as often as `count` says. */
  observe(stage: Timed, nanoseconds: number, count = 1): void {
    const seconds = nanoseconds / 1e9
    let bucket = 0
    while (bucket < BUCKETS.length && seconds > BUCKETS[bucket]!) bucket++
    const at = HISTOGRAMS_AT + TIMED.indexOf(stage) * HISTOGRAM_NUMBERS
    this.numbers[at + bucket]! += count
    this.numbers[at + HISTOGRAM_NUMBERS - 1]! += seconds * count
  }

  /** Observations in each bucket (not cumulative; one more than BUCKETS), and their sum. */
  histogram(stage: Timed): { counts: number[]; sum: number } {
    const at = HISTOGRAMS_AT + TIMED.indexOf(stage) * HISTOGRAM_NUMBERS
    const counts = Array.from(this.numbers.subarray(at, at + BUCKETS.length + 1))
    return { counts, sum: this.numbers[at + HISTOGRAM_NUMBERS - 1]! }
  }
}
