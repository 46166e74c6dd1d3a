// Which column of a CSV is which field, where their names differ: as a file that a person writes,
// and the one for LendingClub's public loans, which is known by its columns.

import { closest } from 'fastest-levenshtein'
import { z } from 'zod'
import { usageError } from '../errors.ts'
import { readJson } from '../json.ts'
import type { ApplicationField } from './check.ts'

export type ColumnMap = { readonly [field: string]: ColumnUse }

type ColumnUse = {
  column: string
  /**
   * The column holds a postal code, or its first three digits (as a number, or with xx behind), and
   * the field is the first digit. Fewer than three digits have lost zeros in front.
   */
  firstDigit?: true | undefined
}

const FILE = z.record(
  z.string(),
  z.strictObject({ column: z.string().min(1), firstDigit: z.literal(true).optional() }),
)

/**
 * Reads a column map: a JSON object of `"field": { "column": "name in the CSV" }`.
 *
 * @throws OperatingError kind 'usage', code 'file', 'json' or 'columns', with file and field
 */
export function readColumnMap(path: string, fields: readonly ApplicationField[]): ColumnMap {
  const parsed = FILE.safeParse(readJson(path))
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!
    const place = issue.path.length === 0 ? '' : ` ${issue.path.join('.')}:`
    throw usageError('columns', `${path}:${place} ${issue.message}`)
  }
  for (const [name, use] of Object.entries(parsed.data)) {
    const field = fields.find((candidate) => candidate.name === name)
    if (!field) throw usageError('columns', `${path}: ${noField(name, fields)}`)
    if (use.firstDigit && field.type !== 'string') {
      const what = `firstDigit gives text, the field is ${field.type}`
      throw usageError('columns', `${path}: ${name}: ${what}`)
    }
  }
  return parsed.data
}

/** Says that a name is no field, and which one may have been meant. */
export function noField(name: string, fields: readonly ApplicationField[]): string {
  const nearest = closest(
    name,
    fields.map((field) => field.name),
  )
  return `"${name}" is no field; the nearest is ${nearest}`
}

/**
 * LendingClub's loan files. Its loans were granted, so there is no application id and no time, and
 * nobody below a FICO score of 660.
 */
export const LENDING_CLUB: ColumnMap = {
  region: { column: 'zip_code', firstDigit: true },
  loan_amount: { column: 'loan_amnt' },
  annual_income: { column: 'annual_inc' },
  credit_score: { column: 'fico_range_high' },
  debt_to_income: { column: 'dti' },
  employment_years: { column: 'emp_length' },
  delinquencies_2y: { column: 'delinq_2yrs' },
  months_since_delinquency: { column: 'mths_since_last_delinq' },
  inquiries_6m: { column: 'inq_last_6mths' },
  open_accounts: { column: 'open_acc' },
  total_accounts: { column: 'total_acc' },
  public_records: { column: 'pub_rec' },
  bankruptcies: { column: 'pub_rec_bankruptcies' },
  revolving_balance: { column: 'revol_bal' },
  revolving_utilization: { column: 'revol_util' },
  mortgage_accounts: { column: 'mort_acc' },
  total_balance: { column: 'tot_cur_bal' },
  revolving_limit: { column: 'total_rev_hi_lim' },
  accounts_opened_24m: { column: 'acc_open_past_24mths' },
  months_since_oldest_revolving: { column: 'mo_sin_old_rev_tl_op' },
  average_balance: { column: 'avg_cur_bal' },
  bankcard_utilization: { column: 'bc_util' },
  active_revolving_accounts: { column: 'num_actv_rev_tl' },
}
