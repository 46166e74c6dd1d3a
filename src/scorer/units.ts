// Whether a feature can be in the unit that its model states, of a field in the schema's.

import { sourceOf } from '../avro/columns.ts'
import type { RecordSchema } from '../avro/schema.ts'
import { type UnitScale, isScaled } from './unit-scale.ts'

type Feature = UnitScale & { field: string; unit?: string | undefined }

/** Why a feature cannot rest on its field, which is a number of the reader; or undefined. */
export function wrongInUnit(reader: RecordSchema, feature: Feature): string | undefined {
  const { field: path, unit } = feature
  const { field, isAmount } = sourceOf(reader, path)
  if (isScaled(feature) && !isAmount) {
    return `is in another unit than "${path}", which is no amount and has no unit`
  }
  const due = field?.unit ?? ''
  if (unit === undefined || due === '') return undefined
  if (isScaled(feature)) {
    return unit === due ? `is multiplied or divided and in ${unit}, as "${path}" is` : undefined
  }
  if (unit === due) return undefined
  const hint = 'multiplied_by or divided_by must say what lies between'
  return `is in ${unit} and "${path}" in ${due}: ${hint}`
}
