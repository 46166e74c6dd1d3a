// What was decided since the last commit. It reaches the counters only with the commit, so that a
// batch that is aborted and read again counts once.

import {
  RESULT_DENIALS,
  RESULT_OUTCOMES,
  RESULT_PAIRS,
  RESULT_REASONS,
  RESULT_WITHHELD,
} from '../../assembly/layout.ts'
import {
  type Counters,
  DENIAL_CODES,
  type DeadLetterClass,
  OUTCOMES,
  REASON_SLOTS,
} from '../metrics/counters.ts'
import type { Engine } from '../scorer/engine.ts'

export class Tally {
  private engine: Engine
  private readonly outcomes = new Float64Array(OUTCOMES.length)
  /** By slot, which a code keeps when the policy changes. */
  private readonly reasons = new Float64Array(REASON_SLOTS)
  /** Reasons that scores gave, by HMDA denial code less 1; and those withheld. */
  private readonly denials = new Float64Array(DENIAL_CODES)
  private withheld = 0
  private readonly deadLetters: DeadLetterClass[] = []
  private readonly challengerOutcomes = new Float64Array(OUTCOMES.length)
  private readonly pairs = new Float64Array(OUTCOMES.length ** 2)
  private records = 0

  constructor(engine: Engine) {
    this.engine = engine
  }

  /** Goes on with another engine; what was counted stays, but of challengers. */
  setEngine(engine: Engine): void {
    this.engine = engine
    this.clearChallenger()
  }

  /** Adds the engine's result of a batch. */
  addBatch(records: number): void {
    const { u32, resultAt } = this.engine
    const { reasonSlots } = this.engine.program
    const outcomesAt = (resultAt + RESULT_OUTCOMES) >> 2
    const reasonsAt = (resultAt + RESULT_REASONS) >> 2
    for (let i = 0; i < this.outcomes.length; i++) this.outcomes[i]! += u32[outcomesAt + i]!
    // By index: pairs of entries() would be most of a worker's garbage.
    for (let i = 0; i < reasonSlots.length; i++)
      this.reasons[reasonSlots[i]!]! += u32[reasonsAt + i]!
    const denialsAt = (resultAt + RESULT_DENIALS) >> 2
    for (let i = 0; i < this.denials.length; i++) this.denials[i]! += u32[denialsAt + i]!
    this.withheld += u32[(resultAt + RESULT_WITHHELD) >> 2]!
    this.records += records
  }

  /** Adds the challenger's result of the same batch. */
  addChallenger(): void {
    const { u32, challenger } = this.engine
    if (!challenger) return
    const outcomesAt = (challenger.outputs.resultAt + RESULT_OUTCOMES) >> 2
    const pairsAt = (challenger.outputs.resultAt + RESULT_PAIRS) >> 2
    const { challengerOutcomes, pairs } = this
    for (let i = 0; i < challengerOutcomes.length; i++)
      challengerOutcomes[i]! += u32[outcomesAt + i]!
    for (let i = 0; i < pairs.length; i++) pairs[i]! += u32[pairsAt + i]!
  }

  addDeadLetter(name: DeadLetterClass): void {
    this.deadLetters.push(name)
  }

  moveTo(counters: Counters): void {
    counters.add('records', this.records)
    for (const [i, count] of this.outcomes.entries()) counters.addOutcome(i, count)
    for (const [slot, count] of this.reasons.entries()) counters.addReason(slot, count)
    for (const [i, count] of this.denials.entries()) counters.addDenials(i + 1, count)
    counters.add('reasonsWithheld', this.withheld)
    for (const [i, count] of this.challengerOutcomes.entries()) {
      counters.addChallengerOutcome(i, count)
    }
    for (const [i, count] of this.pairs.entries()) counters.addPair(i, count)
    for (const name of this.deadLetters) counters.addDeadLetter(name)
    this.clear()
  }

  clear(): void {
    this.records = 0
    this.outcomes.fill(0)
    this.reasons.fill(0)
    this.denials.fill(0)
    this.withheld = 0
    this.deadLetters.length = 0
    this.clearChallenger()
  }

  private clearChallenger(): void {
    this.challengerOutcomes.fill(0)
    this.pairs.fill(0)
  }
}
