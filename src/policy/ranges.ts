// Sets of doubles as ranges, ascending and apart, both ends inclusive. As every double has a next
// one, any comparison is such a set, and sets can be taken apart without an error of rounding.

import { nextDown, nextUp } from '../doubles.ts'

export type Range = { low: number; high: number }

export const ALL: readonly Range[] = [
  { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY },
]

export function below(limit: number): Range {
  return { low: Number.NEGATIVE_INFINITY, high: nextDown(limit) }
}

export function above(limit: number): Range {
  return { low: nextUp(limit), high: Number.POSITIVE_INFINITY }
}

/** Any ranges as a set: sorted, without empty ones, those that meet as one. */
export function union(ranges: readonly Range[]): Range[] {
  const sorted = ranges.filter(({ low, high }) => low <= high).sort((a, b) => a.low - b.low)
  const merged: Range[] = []
  for (const range of sorted) {
    const last = merged.at(-1)
    if (last && range.low <= nextUp(last.high)) last.high = Math.max(last.high, range.high)
    else merged.push({ ...range })
  }
  return merged
}

export function intersect(a: readonly Range[], b: readonly Range[]): Range[] {
  return union(
    a.flatMap((x) =>
      b.map((y) => ({ low: Math.max(x.low, y.low), high: Math.min(x.high, y.high) })),
    ),
  )
}

export function complement(ranges: readonly Range[]): Range[] {
  return ranges.reduce<Range[]>(
    (rest, { low, high }) =>
      intersect(rest, [
        ...(low > Number.NEGATIVE_INFINITY ? [below(low)] : []),
        ...(high < Number.POSITIVE_INFINITY ? [above(high)] : []),
      ]),
    [...ALL],
  )
}

export function subtract(a: readonly Range[], b: readonly Range[]): Range[] {
  return intersect(a, complement(b))
}

/** The whole numbers among them, as the ranges from the first to the last of each. */
export function wholes(ranges: readonly Range[]): Range[] {
  const whole = ranges
    .map(({ low, high }) => ({ low: Math.ceil(low), high: Math.floor(high) }))
    .filter(({ low, high }) => low <= high)
  const merged: Range[] = []
  for (const range of whole) {
    const last = merged.at(-1)
    if (last && range.low <= last.high + 1) last.high = Math.max(last.high, range.high)
    else merged.push(range)
  }
  return merged
}

/** All that lies between the least and the greatest; undefined for nothing. */
export function hull(ranges: readonly Range[]): Range | undefined {
  const first = ranges[0]
  return first && { low: first.low, high: ranges.at(-1)!.high }
}
