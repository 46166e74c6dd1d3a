// Which slot of the counters a reason code is counted in. A code keeps its slot for the life of the
// process, also when another policy gives it another bit, or when a policy without it comes and
// goes.

import { REASON_SLOTS } from './counters.ts'

/** Codes beyond the slots are counted together under this name. */
const OTHER_CODE = 'OTHER'

export class ReasonSlots {
  /** By slot. */
  readonly codes: string[] = []

  /** What gives reasons, with the slot of each; a code that was never seen gets the next. */
  assign<T extends { reasons: readonly { code: string }[] }>(program: T) {
    return { ...program, reasonSlots: program.reasons.map(({ code }) => this.slotOf(code)) }
  }

  private slotOf(code: string): number {
    const slot = this.codes.indexOf(code)
    if (slot >= 0) return slot
    if (this.codes.length < REASON_SLOTS - 1) return this.codes.push(code) - 1
    this.codes[REASON_SLOTS - 1] = OTHER_CODE
    return REASON_SLOTS - 1
  }
}
