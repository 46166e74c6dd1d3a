// Features in another unit than their field: income a month of income a year, a share of a percent.
// The feature is the field times, or divided by, a number: one operation on doubles, rounded once,
// as NumPy has it, and so what the model was trained on. What is missing stays so.

import { leastThat } from '../doubles.ts'

/** At most one of both is there. As a model's manifest states them. */
export type UnitScale = {
  multiplied_by?: number | undefined
  divided_by?: number | undefined
}

type Range = { minimum: number; maximum: number }

type Feature = UnitScale & { field: string }

export function isScaled({ multiplied_by, divided_by }: UnitScale): boolean {
  return multiplied_by !== undefined || divided_by !== undefined
}

/** The feature's number of its field's. */
export function scaled(value: number, { multiplied_by, divided_by }: UnitScale): number {
  if (multiplied_by !== undefined) return value * multiplied_by
  return divided_by === undefined ? value : value / divided_by
}

/** What a feature's column is called: its field, and what is done to it. */
export function columnName({ field, multiplied_by, divided_by }: Feature): string {
  if (multiplied_by !== undefined) return `${field} * ${multiplied_by}`
  return divided_by === undefined ? field : `${field} / ${divided_by}`
}

/** The statement alone, for a manifest. */
export function scaleOf({ multiplied_by, divided_by }: UnitScale): UnitScale {
  if (multiplied_by !== undefined) return { multiplied_by }
  return divided_by === undefined ? {} : { divided_by }
}

/**
 * The field's numbers that make the feature's of a range, both ends inclusive. To the last bit:
 * scaling rounds, so its inverse may miss the end, but it never turns the order.
 */
export function unscaledRange({ minimum, maximum }: Range, scale: UnitScale): Range {
  if (!isScaled(scale)) return { minimum, maximum }
  const least = leastThat((value) => scaled(value, scale) >= minimum)
  const most = -leastThat((value) => scaled(-value, scale) <= maximum)
  return { minimum: least, maximum: most }
}
