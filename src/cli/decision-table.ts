// Decisions in the terminal: a table that is drawn anew, lines for a pipe, or JSON.

import { styleText } from 'node:util'
import Table from 'cli-table3'
import { createLogUpdate } from 'log-update'
import type { DecisionRecord } from '../decisions.ts'
import type { Output } from './output.ts'

export type SeenDecision = {
  /** The decision's record, by its timestamp; -1 where it has none. */
  atMs: number
  decision: DecisionRecord
  /** Null where nobody asked, or it is not known. */
  region: string | null
}

export type TableOptions = {
  limit: number
  isJson: boolean
  /** Drawn over itself. */
  isLive: boolean
  isColoured: boolean
  withRegion: boolean
}

const DRAW_MS = 250
const RATE_MS = 5000
const COLOURS = { approved: 'green', rejected: 'red', referred: 'yellow' } as const
const BORDERS = [
  'top top-mid top-left top-right bottom bottom-mid bottom-left bottom-right',
  'left left-mid mid mid-mid right right-mid',
]
const NO_BORDER = Object.fromEntries(
  BORDERS.join(' ')
    .split(' ')
    .map((part) => [part, '']),
)

export class DecisionTable {
  private readonly output: Output
  private readonly options: TableOptions
  private readonly update = createLogUpdate(process.stdout)
  /** The last ones, oldest first. */
  private readonly last: SeenDecision[] = []
  private readonly counts = { approved: 0, rejected: 0, referred: 0 }
  /** When each look at the topic found how many, within RATE_MS. */
  private readonly recent: { atMs: number; count: number }[] = []
  private isCaughtUp = false
  private drawnAtMs = 0

  constructor(output: Output, options: TableOptions) {
    this.output = output
    this.options = options
  }

  add(decisions: readonly SeenDecision[]): void {
    if (decisions.length === 0) return
    if (this.isCaughtUp) {
      this.recent.push({ atMs: Date.now(), count: decisions.length })
      for (const { decision } of decisions) this.counts[decision.decision]++
      if (!this.options.isLive) this.print(decisions)
    }
    this.last.push(...decisions)
    this.last.sort((a, b) => a.atMs - b.atMs)
    this.last.splice(0, this.last.length - this.options.limit)
  }

  /** All that was there at the start has been added: prints it, once. */
  catchUp(): void {
    if (this.isCaughtUp) return
    this.isCaughtUp = true
    if (!this.options.isLive) this.print(this.last, true)
  }

  /** Draws anew when that is due. */
  draw(nowMs: number): void {
    if (!this.options.isLive || nowMs - this.drawnAtMs < DRAW_MS) return
    this.drawnAtMs = nowMs
    this.update(`${this.summary(nowMs)}\n\n${this.table(this.last, true)}`)
  }

  end(): void {
    if (!this.options.isLive) return
    this.drawnAtMs = 0
    this.draw(Date.now())
    this.update.done()
  }

  private print(decisions: readonly SeenDecision[], withHead = false): void {
    if (this.options.isJson) {
      this.output.print(decisions.map((seen) => `${jsonOf(seen)}\n`).join(''))
    } else {
      this.output.print(`${this.table(decisions, withHead)}\n`)
    }
  }

  private summary(nowMs: number): string {
    while (this.recent[0] && nowMs - this.recent[0].atMs > RATE_MS) this.recent.shift()
    const count = this.recent.reduce((sum, look) => sum + look.count, 0)
    const rate = `${(count / (RATE_MS / 1000)).toFixed(1)} decisions a second`
    const counts = Object.entries(this.counts).map(([name, n]) =>
      this.paint(`${n} ${name}`, name as keyof typeof COLOURS),
    )
    return `${rate}; since the start ${counts.join(', ')}`
  }

  private table(decisions: readonly SeenDecision[], withHead: boolean): string {
    const { withRegion } = this.options
    const head = ['time', 'application', 'decision', 'default', 'score']
    const table = new Table({
      head: withHead ? [...head, ...(withRegion ? ['region'] : []), 'reasons'] : [],
      chars: { ...NO_BORDER, middle: ' ' },
      style: { head: [], border: [], 'padding-left': 0, 'padding-right': 1 },
      colWidths: [14, 38, 11, 9, 7, ...(withRegion ? [8] : []), null],
      colAligns: ['left', 'left', 'left', 'right', 'right'],
    })
    for (const { atMs, decision, region } of decisions) {
      table.push([
        atMs < 0 ? '' : new Date(atMs).toISOString().slice(11, 23),
        decision.application_id,
        this.paint(decision.decision, decision.decision),
        `${(100 * decision.probability_of_default).toFixed(1)} %`,
        String(decision.score),
        ...(withRegion ? [region ?? ''] : []),
        decision.reasons.map(({ code }) => code).join(', '),
      ])
    }
    const lines = table.toString().split('\n')
    return lines.map((line) => line.trimEnd()).join('\n')
  }

  private paint(text: string, outcome: keyof typeof COLOURS): string {
    return this.options.isColoured ? styleText(COLOURS[outcome], text) : text
  }
}

function jsonOf({ atMs, decision, region }: SeenDecision): string {
  const time = atMs < 0 ? null : new Date(atMs).toISOString()
  return JSON.stringify({ time, ...decision, ...(region === null ? {} : { region }) })
}
