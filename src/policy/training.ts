// Inputs unlike the training data: a model says nothing about what it never saw, so a person looks.
// The ranges are of the model's manifest; a policy says with which codes they refer.

import type { PolicyColumns } from './clauses.ts'
import type { Cause } from './compile.ts'
import type { Policy } from './policy.ts'
import { type Range, above, below } from './ranges.ts'

/** Values of a feature in the training data. */
export type TrainingRange = {
  /** Field of the application. */
  field: string
  minimum: number
  maximum: number
  /** Share of rows in which it was missing, 0 to 1. */
  missing: number
}

/** Codes that the file gives them. */
export const TRAINING_CODES = 2

/**
 * What refers by the ranges: a reason a feature, which names its field; where there is no room for
 * so many, one for all of a kind, which names none.
 */
export function trainingCauses(
  policy: Policy,
  ranges: readonly TrainingRange[],
  columns: PolicyColumns,
  room: number,
): Cause[] {
  const codes = policy.file.training
  if (!codes) return []
  const nullable = ({ field }: TrainingRange) => columns.get(field)!.type.nullable
  const neverMissing = ranges.filter((range) => range.missing === 0 && nullable(range))
  const causes = [
    ...neverMissing.map(({ field }) => cause(codes.missing_code, field, true, [])),
    ...ranges.map(({ field, minimum, maximum }) =>
      cause(codes.outside_code, field, false, [below(minimum), above(maximum)]),
    ),
  ]
  if (causes.length <= room) return causes
  const byCode = Map.groupBy(causes, ({ reason }) => reason.code)
  return [...byCode].map(([code, same]): Cause => ({
    reason: { code, fields: [] },
    rejects: false,
    clauses: same.flatMap(({ clauses }) => clauses),
  }))
}

function cause(code: string, field: string, missing: boolean, ranges: Range[]): Cause {
  const clauses = [[{ field, divisor: undefined, missing, ranges }]]
  return { reason: { code, fields: [field] }, rejects: false, clauses }
}
