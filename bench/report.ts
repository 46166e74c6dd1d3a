// A bench's figures as a person reads them.

import { styleText } from 'node:util'
import Table from 'cli-table3'
import type { Load } from './bench.ts'
import type { Judged } from './budgets.ts'

export type Report = {
  bench: string
  question: string
  load: Load | ''
  rows: Judged[]
  checksum: string
  /** Microseconds of the calibration kernel. */
  kernel: number
  /** Why it did not run, or what went wrong. */
  skipped: string
  error: string
}

export function printReport({ question, load, rows, checksum, kernel, ...report }: Report): string {
  const lines = [`\n${styleText('bold', question)}${load ? ` (${load})` : ''}`]
  if (report.skipped) lines.push(`  skipped: ${report.skipped}`)
  if (report.error) lines.push(`  ${styleText('red', report.error)}`)
  if (rows.length > 0) {
    const cells = rows.map(({ name, value, unit, budget, verdict }) => {
      const row = [name, `${value} ${unit}`, budget, verdict]
      return verdict === 'BROKEN' ? row.map((cell) => styleText('red', cell)) : row
    })
    lines.push(plainTable(['', 'figure', 'budget', 'verdict'], cells))
    const calibration = `a kernel took ${kernel.toPrecision(3)} µs`
    lines.push(`  ${styleText('dim', `checksum ${checksum}, ${calibration}`)}`)
  }
  return `${lines.join('\n')}\n`
}

/** A table without lines, for the terminal and for pipes. */
export function plainTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const none = ['top', 'bottom', 'left', 'right', 'mid'].flatMap((side) => [
    [side, ''],
    [`${side}-mid`, ''],
    [`${side}-left`, ''],
    [`${side}-right`, ''],
  ])
  const table = new Table({
    head: [...head],
    chars: {
      ...Object.fromEntries(none),
      'left-mid': '',
      'mid-mid': '',
      'right-mid': '',
      middle: ' ',
    },
    style: { head: [], border: [], 'padding-left': 1, 'padding-right': 1 },
  })
  table.push(...rows.map((row) => [...row]))
  return table.toString()
}
