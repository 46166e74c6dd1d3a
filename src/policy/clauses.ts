// Rules as clauses: a rule fires when all conditions of one of its clauses hold. A condition says
// in which ranges a field, or the ratio of two, must lie, or that it is missing. Whatever a file
// can ask for is said so, and one small loop in WebAssembly runs it.

import { closest } from 'fastest-levenshtein'
import type { ColumnType } from '../avro/columns.ts'
import { usageError } from '../errors.ts'
import type { Policy, PolicyCondition, PolicyRule } from './policy.ts'
import { type Range, above, below, complement, union } from './ranges.ts'

type Condition = {
  field: string
  divisor: string | undefined
  /** Whether a missing value meets it. */
  missing: boolean
  ranges: Range[]
}

/** All of it must hold. */
export type Clause = Condition[]

/** Columns by path: where each lies in a row, and what it can hold. */
export type PolicyColumns = ReadonlyMap<string, { column: number; type: ColumnType }>

/**
 * The clauses of a rule.
 *
 * @param index  which of the policy's rules it is
 * @throws OperatingError kind 'usage', code 'policy', for an unknown field or value, with its place
 */
export function clausesOf(policy: Policy, index: number, columns: PolicyColumns): Clause[] {
  const rule = policy.file.rules[index]!
  const at = ['rules', index]
  const also = (rule.when ?? []).map((condition, i) =>
    conditionOf(policy, [...at, 'when', i], rule.code, condition, columns),
  )
  const { caps } = rule
  if (caps === undefined) return [[conditionOf(policy, at, rule.code, rule, columns), ...also]]
  const field = known(policy, [...at, 'field'], rule.code, rule.field, columns)
  const divisor = divisorOf(policy, at, rule.code, rule, columns)
  const segment = known(policy, [...at, 'segment'], rule.code, rule.segment!, columns)
  return caps.map((cap, i) => {
    const next = caps[i + 1]
    const band = { low: cap.from, high: next ? below(next.from).high : Number.POSITIVE_INFINITY }
    return [
      { field, divisor, missing: false, ranges: [above(cap.above)] },
      { field: segment, divisor: undefined, missing: false, ranges: [band] },
      ...also,
    ]
  })
}

type Test = PolicyCondition | PolicyRule

function conditionOf(
  policy: Policy,
  at: PropertyKey[],
  code: string,
  test: Test,
  columns: PolicyColumns,
): Condition {
  const field = known(policy, [...at, 'field'], code, test.field, columns)
  const divisor = divisorOf(policy, at, code, test, columns)
  const type = divisor === undefined ? columns.get(field)!.type : undefined
  const listed = (key: 'in' | 'not_in') =>
    test[key]!.map((value, i) => {
      const number = numberOf(policy, [...at, key, i], code, field, value, type)
      return { low: number, high: number }
    })
  const ranges = rangesOf(test, listed)
  return { field, divisor, missing: test.missing === true, ranges }
}

function rangesOf(test: Test, listed: (key: 'in' | 'not_in') => Range[]): Range[] {
  if (test.missing) return []
  if (test.below !== undefined) return [below(test.below)]
  if (test.above !== undefined) return [above(test.above)]
  if (test.between) return [{ low: test.between[0], high: test.between[1] }]
  if (test.outside) return [below(test.outside[0]), above(test.outside[1])]
  return test.in ? union(listed('in')) : complement(union(listed('not_in')))
}

function divisorOf(
  policy: Policy,
  at: PropertyKey[],
  code: string,
  test: Test,
  columns: PolicyColumns,
): string | undefined {
  if (test.divided_by === undefined) return undefined
  return known(policy, [...at, 'divided_by'], code, test.divided_by, columns)
}

function known(
  policy: Policy,
  at: PropertyKey[],
  code: string,
  field: string,
  columns: PolicyColumns,
): string {
  if (columns.has(field)) return field
  const other = closest(field, [...columns.keys()])
  const what = `"${field}" is no numeric field of the application; the nearest is "${other}"`
  throw refuse(policy, at, code, what)
}

/** What stands in a row for a listed value. */
function numberOf(
  policy: Policy,
  at: PropertyKey[],
  code: string,
  field: string,
  value: number | string | boolean,
  type: ColumnType | undefined,
): number {
  const symbols = type?.symbols
  if (!symbols) {
    if (typeof value === 'number') return value
    throw refuse(policy, at, code, `${JSON.stringify(value)} is no number, as "${field}" is`)
  }
  const index = symbols.indexOf(typeof value === 'number' ? '' : String(value))
  if (index >= 0) return index
  const what = `${JSON.stringify(value)} is none of ${symbols.join(', ')}, as "${field}" is`
  throw refuse(policy, at, code, what)
}

function refuse(policy: Policy, at: PropertyKey[], code: string, what: string) {
  return usageError('policy', `${policy.placeOf(at)} (${code}): ${what}`)
}
