// The budgets of budgets.toml, and what a figure is against its own.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { OperatingError, usageError } from '../src/errors.ts'
import { parseToml } from '../src/toml.ts'
import type { Figure } from './bench.ts'

type Verdict = 'within' | 'BROKEN' | ''

export type Judged = Figure & {
  /** What is allowed on this machine now, in the figure's unit; '' without a budget. */
  budget: string
  verdict: Verdict
}

const limit = z.union([
  z.strictObject({ max: z.number() }),
  z.strictObject({ min: z.number() }),
  z.strictObject({ max_kernels: z.number().positive() }),
])
const budgetFile = z.record(z.string(), z.record(z.string(), limit))
export type Limit = z.infer<typeof limit>
/** By bench and figure. */
type Budgets = z.infer<typeof budgetFile>

const PATH = join(import.meta.dir, 'budgets.toml')
/** Units of time in microseconds. */
const MICROSECONDS: Readonly<Record<string, number>> = { µs: 1, ms: 1000, s: 1e6 }

/** @throws OperatingError kind 'usage' when the file is not what it should be */
export function readBudgets(path = PATH): Budgets {
  const parsed = budgetFile.safeParse(parseToml(readFileSync(path, 'utf8'), path))
  if (parsed.success) return parsed.data
  throw usageError('budgets', `${path}: ${z.prettifyError(parsed.error)}`)
}

/**
 * Holds a figure against its budget.
 *
 * @param kernel  microseconds of the calibration kernel, in the process and at the time of the run
 * @throws OperatingError kind 'usage' when a budget in kernels is of a figure that is no time
 */
export function judge(figure: Figure, limit: Limit | undefined, kernel: number): Judged {
  if (!limit) return { ...figure, budget: '', verdict: '' }
  const { least, most } = boundsOf(figure, limit, kernel)
  const isWithin = figure.value >= least && figure.value <= most
  const bound = Number((most === Infinity ? least : most).toPrecision(3))
  const budget = `${most === Infinity ? 'at least' : 'at most'} ${bound}`
  return { ...figure, budget, verdict: isWithin ? 'within' : 'BROKEN' }
}

function boundsOf({ name, unit }: Figure, limit: Limit, kernel: number) {
  if ('max' in limit) return { least: -Infinity, most: limit.max }
  if ('min' in limit) return { least: limit.min, most: Infinity }
  const most = limit.max_kernels * kernel
  // So many kernels of time for each is a rate.
  if (unit === '/s') return { least: 1e6 / most, most: Infinity }
  const µs = MICROSECONDS[unit]
  if (µs !== undefined) return { least: -Infinity, most: most / µs }
  throw new OperatingError('usage', 'budgets', `${name} is no time: max_kernels says nothing of it`)
}
