// The decisions that a report is about, each application's place once, and by which they are found
// again: the place, and the application's id.

import { DECISIONS } from '../avro/encode-plan.ts'
import type { Decided } from './decision-file.ts'

export type ReasonCount = {
  code: string
  decisions: number
  /** By outcome, in the order of DECISIONS. */
  outcomes: number[]
  /** Of how many it is the first reason. */
  first: number
}

export class DecidedTable {
  /** By row: index of DECISIONS, and the margin. */
  readonly outcomes: number[] = []
  readonly margins: number[] = []
  /** By outcome. */
  readonly counts: number[] = DECISIONS.map(() => 0)
  /** Decisions by SHA-256 of model and of policy. */
  readonly models = new Map<string, number>()
  readonly policies = new Map<string, number>()
  readonly reasons = new Map<string, ReasonCount>()
  /** The same decision once more, as at-least-once delivery makes them. */
  repeated = 0
  /** Another decision on an application's place: the first one counts. */
  contradicting = 0
  private readonly rowModels: string[] = []
  private readonly digests: number[] = []
  private readonly places = new Map<string, Map<number, number>>()
  private readonly lastOfId = new Map<string, number>()
  /** Row before of the same application's id, or -1. */
  private readonly before: number[] = []

  get size(): number {
    return this.outcomes.length
  }

  add(decision: Decided): void {
    const { topic, partition, offset, application_id: id } = decision
    const lane = this.lane(topic, partition)
    const digest = digestOf(decision)
    const there = lane.get(offset)
    if (there !== undefined) {
      if (this.digests[there] === digest) this.repeated++
      else this.contradicting++
      return
    }
    const row = this.size
    lane.set(offset, row)
    this.digests.push(digest)
    this.before.push(this.lastOfId.get(id) ?? -1)
    this.lastOfId.set(id, row)
    const outcome = DECISIONS.indexOf(decision.decision)
    this.outcomes.push(outcome)
    this.margins.push(decision.margin)
    this.rowModels.push(decision.model)
    this.counts[outcome]!++
    count(this.models, decision.model)
    count(this.policies, decision.policy)
    this.addReasons(decision, outcome)
  }

  private lane(topic: string, partition: number): Map<number, number> {
    const key = `${partition}/${topic}`
    const known = this.places.get(key)
    if (known) return known
    const lane = new Map<number, number>()
    this.places.set(key, lane)
    return lane
  }

  private addReasons({ reasons }: Decided, outcome: number): void {
    for (const [i, code] of [...new Set(reasons.map((reason) => reason.code))].entries()) {
      const known = this.reasons.get(code)
      const counted = known ?? { code, decisions: 0, outcomes: DECISIONS.map(() => 0), first: 0 }
      this.reasons.set(code, counted)
      counted.decisions++
      counted.outcomes[outcome]!++
      if (i === 0) counted.first++
    }
  }

  isOf(row: number, model: string): boolean {
    return this.rowModels[row] === model
  }

  /** Row of the decision on what lies at a place. */
  at(topic: string, partition: number, offset: number): number | undefined {
    return this.places.get(`${partition}/${topic}`)?.get(offset)
  }

  /** Rows of all decisions on applications with an id. */
  *ofId(id: string): Generator<number> {
    for (let row = this.lastOfId.get(id) ?? -1; row >= 0; row = this.before[row]!) yield row
  }

  /** First and last offset of a topic's partition that decisions are about. */
  *lanes(topic: string): Generator<{ partition: number; first: number; last: number }> {
    for (const [key, lane] of this.places) {
      const slash = key.indexOf('/')
      if (key.slice(slash + 1) !== topic) continue
      let [first, last] = [Number.POSITIVE_INFINITY, 0]
      for (const offset of lane.keys()) {
        first = Math.min(first, offset)
        last = Math.max(last, offset)
      }
      yield { partition: Number(key.slice(0, slash)), first, last }
    }
  }
}

function digestOf(decision: Decided): number {
  const { application_id: id, decision: outcome, margin, model, policy } = decision
  return Bun.hash.crc32(JSON.stringify([id, outcome, margin, model, policy]))
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1)
}
