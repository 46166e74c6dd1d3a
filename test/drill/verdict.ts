// What became of the applications, as a read_committed reader sees it: each must have exactly one
// outcome, in order, byte for byte what the program decides without Kafka.

import { DecisionDecoder } from '../../src/decisions.ts'
import { MODULE_PATH } from '../../src/paths.ts'
import { Decider, type Outcome } from '../../src/pipeline/decider.ts'
import type { KafkaRecord } from '../../src/rdkafka/record.ts'
import { RecordReader } from '../../src/rdkafka/record-reader.ts'
import { loadModule } from '../../src/scorer/module.ts'
import { type ReadRecord, TOPICS, defaultProgram, header } from '../support/applications.ts'

export type Verdict = {
  /** Without an outcome. */
  lost: number
  /** Outcomes beyond an application's first. */
  duplicated: number
  /** Decisions behind one of a later application. */
  out_of_order: number
  /** Outcomes that are not what the program decides, or whose application there is not. */
  different: number
}

/** Whether every application has its one outcome, in order, as decided without Kafka. */
export function isClean({ lost, duplicated, out_of_order, different }: Verdict): boolean {
  return lost + duplicated + out_of_order + different === 0
}

/** Collects outcomes as they are read. */
export class Outcomes implements Disposable {
  /** Decisions and dead letters read so far. */
  count = 0
  private readonly decisions: RecordReader
  private readonly deadLetters: RecordReader
  private readonly partitions: number
  private readonly letterPartitions: number
  private readonly decided: KafkaRecord[][]
  /** Of outcomes beyond an application's first: where they lie, and where the first does. */
  readonly repeats: string[] = []
  private readonly letters: ReadRecord[] = []

  constructor(bootstrapServers: string, partitions: number, letterPartitions: number) {
    const properties = {
      'bootstrap.servers': bootstrapServers,
      'isolation.level': 'read_committed',
      'fetch.queue.backoff.ms': '5',
    }
    const numbers = (count: number) => Array.from({ length: count }, (_, i) => i)
    const decisions = numbers(partitions)
    this.decisions = new RecordReader(properties, TOPICS.decisions, decisions, 'earliest')
    const letters = numbers(letterPartitions)
    this.deadLetters = new RecordReader(properties, TOPICS.deadLetters, letters, 'earliest')
    this.partitions = partitions
    this.letterPartitions = letterPartitions
    this.decided = decisions.map(() => [])
  }

  /** Reads what is there; returns whether both topics' ends are reached. */
  read(): boolean {
    for (const record of this.decisions.read(50)) {
      this.decided[record.partition]!.push(record)
      this.count++
    }
    this.deadLetters.read(10, (record, headers) => {
      this.letters.push({ ...record, headers })
      this.count++
    })
    const { decisions, deadLetters } = this
    const isRead = decisions.ended.size === this.partitions
    return isRead && deadLetters.ended.size === this.letterPartitions
  }

  /** @param sent  the applications by partition and offset */
  judge(sent: readonly (readonly Uint8Array[])[]): Verdict {
    const program = defaultProgram()
    const module = loadModule(MODULE_PATH)
    const decoder = new DecisionDecoder(program.decisionSchema)
    const verdict: Verdict = { lost: 0, duplicated: 0, out_of_order: 0, different: 0 }
    const letters = Map.groupBy(this.letters, (letter) =>
      Number(header(letter, 'loanstream.partition')),
    )
    const partitions = Math.max(sent.length, this.partitions)
    for (let partition = 0; partition < partitions; partition++) {
      const decider = new Decider(module, program, TOPICS.applications, partition)
      const due = decider.decide(sent[partition] ?? [], 0n)
      const tally = new Tally(due, verdict)
      for (const record of this.decided[partition] ?? []) tally.decision(decoder, record)
      for (const letter of letters.get(partition) ?? []) tally.deadLetter(letter)
      verdict.lost += tally.missing()
      this.repeats.push(...tally.repeats.map((repeat) => `partition ${partition}: ${repeat}`))
    }
    return verdict
  }

  [Symbol.dispose](): void {
    this.decisions[Symbol.dispose]()
    this.deadLetters[Symbol.dispose]()
  }
}

/** One partition's outcomes, held against those that are due. */
class Tally {
  private readonly due: readonly Outcome[]
  private readonly verdict: Verdict
  private readonly seen: (string | undefined)[]
  readonly repeats: string[] = []
  private furthest = -1

  constructor(due: readonly Outcome[], verdict: Verdict) {
    this.due = due
    this.verdict = verdict
    this.seen = due.map(() => undefined)
  }

  decision(decoder: DecisionDecoder, record: KafkaRecord): void {
    const value = record.value!
    const offset = decoder.decode(value).offset
    if (!this.isFirst(offset, `decision ${record.recordOffset}`)) return
    if (offset < this.furthest) this.verdict.out_of_order++
    this.furthest = Math.max(this.furthest, offset)
    const due = this.due[offset]!
    const same = 'decision' in due && Buffer.compare(due.decision, value) === 0
    if (!same) this.verdict.different++
  }

  deadLetter(letter: ReadRecord): void {
    const offset = Number(header(letter, 'loanstream.offset'))
    if (!this.isFirst(offset, `letter ${letter.recordOffset}`)) return
    const due = this.due[offset]!
    const same =
      'deadLetter' in due && due.deadLetter.class === header(letter, 'loanstream.error.class')
    if (!same) this.verdict.different++
  }

  /** Counts the others by itself. */
  private isFirst(offset: number, where: string): boolean {
    const before = this.seen[offset]
    if (this.due[offset] === undefined) {
      this.verdict.different++
    } else if (before !== undefined) {
      this.verdict.duplicated++
      this.repeats.push(`application ${offset} has ${before} and ${where}`)
    } else {
      this.seen[offset] = where
      return true
    }
    return false
  }

  missing(): number {
    return this.seen.filter((where) => where === undefined).length
  }
}
