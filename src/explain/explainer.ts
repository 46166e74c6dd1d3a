// Explanations of decisions that a running worker made a moment ago, one at a time on the main
// thread: a millisecond or a few each, of which there are so many a second and no more.

import type { DecisionRecord } from '../decisions.ts'
import { OperatingError } from '../errors.ts'
import type { Artefact } from '../scorer/artefact.ts'
import type { Program } from '../scorer/program.ts'
import { type Explanation, explain } from './explanation.ts'

const EXPLANATIONS_A_SECOND = 5

/** What made a decision, by the hashes in it. */
export type Programs = {
  programOf(model: string, policy: string): { program: Program; artefact: Artefact } | undefined
}

/** Code of the error that says: ask again a little later. */
export const BUSY = 'busy'

export class Explainer {
  private readonly module: WebAssembly.Module
  private readonly programs: Programs
  private readonly nowMs: () => number
  /** When the last ones were made. */
  private readonly lately: number[] = []

  constructor(
    module: WebAssembly.Module,
    programs: Programs,
    nowMs: () => number = () => performance.now(),
  ) {
    this.module = module
    this.programs = programs
    this.nowMs = nowMs
  }

  /**
   * @param value  the application as it came
   * @throws OperatingError kind 'retriable', code BUSY, when there were too many in this second
   * @throws OperatingError when it cannot be made again just as it was
   */
  explain(decided: DecisionRecord, value: Uint8Array): Explanation {
    if (value.length === 0) throw unexplained('the application is too long to be kept here')
    this.count()
    const made = this.programs.programOf(decided.model, decided.policy)
    if (!made) throw unexplained('the model or the policy that made it is not in memory any more')
    const { topic, partition, offset } = decided
    const place = { topic, partition, offset }
    const { program, artefact } = made
    const explanation = explain(this.module, program, artefact.manifest, value, undefined, place)
    // Schema files may have changed since: what is shown is what was decided, or nothing.
    if (!Bun.deepEquals(explanation.decision, decided)) {
      throw unexplained('made again it is another decision: the schemas have changed since')
    }
    return explanation
  }

  private count(): void {
    const nowMs = this.nowMs()
    while (this.lately.length > 0 && nowMs - this.lately[0]! >= 1000) this.lately.shift()
    if (this.lately.length >= EXPLANATIONS_A_SECOND) {
      const what = `at most ${EXPLANATIONS_A_SECOND} explanations a second`
      throw new OperatingError('retriable', BUSY, what)
    }
    this.lately.push(nowMs)
  }
}

function unexplained(why: string): OperatingError {
  return new OperatingError('fatal', 'unexplained', `${why}: "bun run explain" can read the topic`)
}
