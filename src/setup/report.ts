// What the set-up tells people: on standard error, as standard output belongs to the result of the
// command that follows. One line a step; what goes on meanwhile shows in place, on terminals only.

/** Lines that a counter prints where it cannot count in place: one each quarter. */
const QUARTERS = 4

export type ReportOptions = {
  /** Says nothing; what goes wrong is told by whoever ends the process. */
  quiet: boolean
  /** Whether a line can be overwritten. */
  terminal: boolean
  write: (text: string) => void
}

export class Report {
  private readonly options: ReportOptions

  constructor(options: ReportOptions) {
    this.options = options
  }

  /** A line that stays. */
  line(text: string): void {
    const clear = this.options.terminal ? '\r\x1b[K' : ''
    if (!this.options.quiet) this.options.write(`${clear}setup: ${text}\n`)
  }

  /** What goes on right now; the next line or passing text replaces it. */
  passing(text: string): void {
    const { quiet, terminal, write } = this.options
    if (!quiet && terminal) write(`\r\x1b[Ksetup: ${text} …`)
  }

  /** Makes a function that is told how many are done. */
  counter(what: string, total: number): (done: number) => void {
    let quarter = 0
    return (done) => {
      this.passing(`${what}: ${done} of ${total}`)
      const reached = Math.floor((done / total) * QUARTERS)
      if (reached <= quarter || this.options.terminal) return
      quarter = reached
      this.line(`${what}: ${done} of ${total}`)
    }
  }
}

/** Time since `start` (of `performance.now()`), for people. */
export function timeSince(start: number): string {
  return `${((performance.now() - start) / 1000).toFixed(1)} s`
}
