// What a policy says without meaning it: rules that can never fire, and rules that another one
// makes idle. Found by calculating with ranges, over all applications that the schema allows.
//
// A clause is a box: for each of its terms (a field, or a ratio) the values at which it fires. A
// rule is shadowed when nothing is left of its boxes once those of another are cut out. Terms count
// as independent of each other, but for a ratio, which is bounded by what its two fields can be. So
// what is reported is certain, and what takes more than that to see is not reported.

import type { ColumnType } from '../avro/columns.ts'
import type { Clause, PolicyColumns } from './clauses.ts'
import { ruleCauses } from './compile.ts'
import type { Policy } from './policy.ts'
import { ALL, type Range, hull, intersect, subtract, union, wholes } from './ranges.ts'

export type Finding = {
  kind:
    'never-fires' | 'shadowed' | 'cap-never-fires' | 'no-cap' | 'no-referral' | 'no-training-range'
  code: string
  /** File, line and path. */
  place: string
  message: string
}

/** Values of a term. */
type Values = { ranges: Range[]; missing: boolean }

/** By the term's name; what is not named can be anything. */
type Box = ReadonlyMap<string, Values>

/** Boxes that cutting out may make; beyond it no shadow is seen. */
const BOXES_MAX = 4096

/** Everything found, in the order of the file. */
export function analysePolicy(policy: Policy, columns: PolicyColumns): Finding[] {
  const rules = ruleCauses(policy, columns).map(({ reason, rejects, clauses }, index) => {
    const boxes = clauses.map((clause) => boxOf(clause, columns))
    return { index, code: reason.code, rejects, boxes }
  })
  const findings: Finding[] = []
  for (const rule of rules) {
    const report = (kind: Finding['kind'], message: string, at: PropertyKey[] = []) => {
      const place = policy.placeOf(['rules', rule.index, ...at])
      findings.push({ kind, code: rule.code, place, message })
    }
    if (rule.boxes.every((box) => box === undefined)) {
      report('never-fires', 'can never fire: no application that the schema allows meets it')
      continue
    }
    for (const [i, box] of rule.boxes.entries()) {
      if (box === undefined)
        report('cap-never-fires', 'this cap can never be exceeded', ['caps', i])
    }
    const gap = gapBelowCaps(policy, rule.index, columns)
    if (gap) report('no-cap', gap, ['caps'])
    const shadow = rules.find((other) => shadows(other, rule, columns))
    if (!shadow) continue
    const outcome = shadow.rejects ? 'rejects' : 'refers'
    const by = `rules[${shadow.index}] (${shadow.code})`
    report('shadowed', `is idle: whatever it fires for, ${by} ${outcome} already`)
  }
  const { refer_above, reject_from, refer_code } = policy.file.cutoffs
  if (refer_above === reject_from) {
    const message = 'can never be given: no margin lies between the cut-offs'
    findings.push({
      kind: 'no-referral',
      code: refer_code,
      place: policy.placeOf(['cutoffs', 'refer_above']),
      message,
    })
  }
  return findings
}

type AnalysedRule = { index: number; rejects: boolean; boxes: (Box | undefined)[] }

/** Whether `by` fires wherever the rule does, with no milder outcome; of two alike the first. */
function shadows(by: AnalysedRule, rule: AnalysedRule, columns: PolicyColumns): boolean {
  if (by.index === rule.index || (rule.rejects && !by.rejects)) return false
  if (!covers(by, rule, columns)) return false
  const isAlike = by.rejects === rule.rejects && covers(rule, by, columns)
  return !isAlike || by.index < rule.index
}

function covers(by: AnalysedRule, rule: AnalysedRule, columns: PolicyColumns): boolean {
  const cutters = by.boxes.filter((box) => box !== undefined)
  let left = rule.boxes.filter((box) => box !== undefined)
  if (cutters.length === 0) return false
  for (const cutter of cutters) {
    left = left.flatMap((box) => cut(box, cutter, columns))
    if (left.length > BOXES_MAX) return false
  }
  return left.length === 0
}

/** What is left of a box without another, as boxes that do not overlap. */
function cut(box: Box, cutter: Box, columns: PolicyColumns): Box[] {
  const rest: Box[] = []
  let inside: Box = box
  for (const [term, values] of cutter) {
    const own = inside.get(term) ?? domainOf(term, columns)
    const outside = {
      ranges: wholeOnly(term, subtract(own.ranges, values.ranges), columns),
      missing: own.missing && !values.missing,
    }
    const piece = narrowed(new Map(inside).set(term, outside), columns)
    if (piece) rest.push(piece)
    const both = {
      ranges: wholeOnly(term, intersect(own.ranges, values.ranges), columns),
      missing: own.missing && values.missing,
    }
    const next = narrowed(new Map(inside).set(term, both), columns)
    // They have nothing in common.
    if (!next) return [box]
    inside = next
  }
  return rest
}

/** Where a clause fires, or undefined where it never does. */
function boxOf(clause: Clause, columns: PolicyColumns): Box | undefined {
  const box = new Map<string, Values>()
  for (const { field, divisor, missing, ranges } of clause) {
    const term = divisor === undefined ? field : `${field}${BY}${divisor}`
    const own = box.get(term) ?? domainOf(term, columns)
    box.set(term, {
      ranges: wholeOnly(term, intersect(own.ranges, ranges), columns),
      missing: own.missing && missing,
    })
  }
  return narrowed(box, columns)
}

/** Holds the ratios against their fields; undefined when a term has no value left. */
function narrowed(box: Box, columns: PolicyColumns): Box | undefined {
  const result = new Map(box)
  for (const [term, values] of box) {
    const [field, divisor] = term.split(BY)
    if (divisor === undefined) continue
    const of = (name: string) => box.get(name) ?? domainOf(name, columns)
    const ranges = intersect(values.ranges, ratioOf(of(field!).ranges, of(divisor).ranges))
    result.set(term, { ...values, ranges })
  }
  const isEmpty = ({ ranges, missing }: Values) => ranges.length === 0 && !missing
  return [...result.values()].some(isEmpty) ? undefined : result
}

/** Stands in no path. */
const BY = ' / '

/** What a term can be in an application that the schema allows. */
function domainOf(term: string, columns: PolicyColumns): Values {
  const [field, divisor] = term.split(BY)
  if (divisor !== undefined) {
    const ranges = ratioOf(domainOf(field!, columns).ranges, domainOf(divisor, columns).ranges)
    // 0 / 0 is missing, and so is whatever has a missing part.
    return { ranges, missing: true }
  }
  const { minimum, maximum, nullable } = typeOf(term, columns)
  return {
    ranges: wholeOnly(term, [{ low: minimum, high: maximum }], columns),
    missing: nullable,
  }
}

function typeOf(field: string, columns: PolicyColumns): ColumnType {
  return columns.get(field)!.type
}

function wholeOnly(term: string, ranges: Range[], columns: PolicyColumns): Range[] {
  return !term.includes(BY) && typeOf(term, columns).whole ? wholes(ranges) : ranges
}

/**
 * What a quotient of two ranges' values can be. Division rounds, and rounding keeps the order, so
 * the ends of the quotients are those of the ranges, unless the divisor can be 0.
 */
function ratioOf(dividends: readonly Range[], divisors: readonly Range[]): Range[] {
  const over = hull(dividends)
  const under = hull(divisors)
  if (!over || !under) return []
  if (under.high === 0 || (under.low < 0 && under.high > 0)) return [...ALL]
  if (under.low === 0) return ratioFromZero(over, under.high)
  const ends = [over.low, over.high].flatMap((a) => [a / under.low, a / under.high])
  return union([{ low: Math.min(...ends), high: Math.max(...ends) }])
}

/** The divisor lies between 0, or -0, and a limit above. */
function ratioFromZero(over: Range, limit: number): Range[] {
  const { POSITIVE_INFINITY, NEGATIVE_INFINITY } = Number
  const rises = over.high > 0
  const falls = over.low < 0
  return union([
    {
      low: falls ? NEGATIVE_INFINITY : over.low / limit,
      high: rises ? POSITIVE_INFINITY : over.high / limit,
    },
    ...(rises ? [{ low: NEGATIVE_INFINITY, high: NEGATIVE_INFINITY }] : []),
    ...(falls ? [{ low: POSITIVE_INFINITY, high: POSITIVE_INFINITY }] : []),
  ])
}

/** Caps begin at their first `from`: a smaller value has none, which may not be meant. */
function gapBelowCaps(policy: Policy, index: number, columns: PolicyColumns): string | undefined {
  const { segment, caps } = policy.file.rules[index]!
  if (segment === undefined || !caps) return undefined
  const { minimum } = typeOf(segment, columns)
  const { from } = caps[0]!
  return from > minimum
    ? `no cap is for a ${segment} below ${from}, and ${minimum} is allowed`
    : undefined
}
