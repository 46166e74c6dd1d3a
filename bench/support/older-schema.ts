// Two versions of the application's schema, for the bench: an older one that records were written
// with, and the shipped one, with what lets it read them. Between them lie the changes of some years:
// promotions, a field that was renamed, ones that are new, one that is gone, another order.

import { fingerprintOf } from '../../src/avro/fingerprint.ts'
import type { SchemaVersion } from '../../src/avro/schema-files.ts'
import { type Json, parseRecord } from '../../src/avro/schema.ts'
import type { Application } from '../../src/applications/application.ts'

type JsonField = { [key: string]: Json }

/** What the older version called `annual_income`. */
const OLD_INCOME = 'income'
/** Types that were narrower. */
const NARROWER: Readonly<Record<string, Json>> = {
  loan_amount: 'int',
  total_balance: 'long',
  revolving_limit: 'float',
  average_balance: 'float',
}
/** What is new, with what older records are taken to say. */
const ADDED: Readonly<Record<string, Json>> = {
  active_revolving_accounts: 3,
  bankcard_utilization: null,
}

export type Versions = { older: SchemaVersion; newer: SchemaVersion }

export function versionsOf(shipped: SchemaVersion): Versions {
  const record = shipped.json as { [key: string]: Json }
  const fields = record['fields'] as JsonField[]
  const newer = fields.map((field) => {
    const name = field['name'] as string
    if (name in ADDED) return { ...field, default: ADDED[name]! }
    return name === 'annual_income' ? { ...field, aliases: [OLD_INCOME] } : field
  })
  const kept = fields.filter((field) => !((field['name'] as string) in ADDED))
  const older = kept.map((field) => {
    const name = field['name'] as string
    if (name === 'annual_income') return { ...field, name: OLD_INCOME }
    return { ...field, type: NARROWER[name] ?? field['type']! }
  })
  // Numbers first, in the opposite order, and what is gone among them.
  const gone = { name: 'channel', type: 'string' }
  return {
    older: version({ ...record, fields: [...older.reverse(), gone] }, 1),
    newer: version({ ...record, fields: newer }, 2),
  }
}

/** The application as its older record says it. */
export function olderApplication(application: Application): Record<string, unknown> {
  const older: Record<string, unknown> = { ...application, channel: 'branch' }
  older[OLD_INCOME] = application.annual_income
  for (const [field, type] of Object.entries(NARROWER)) {
    const value = application[field] as number
    older[field] = type === 'float' ? Math.fround(value) : Math.round(value)
  }
  return older
}

/** What a column holds of an older record. */
export function olderColumn(older: Record<string, unknown>, field: string): number {
  if (field in ADDED) return (ADDED[field] as number | null) ?? Number.NaN
  return (older[field === 'annual_income' ? OLD_INCOME : field] as number | null) ?? Number.NaN
}

function version(json: Json, number: number): SchemaVersion {
  const path = `bench/${number}.avsc`
  const schema = parseRecord(json, path)
  return { path, version: number, fingerprint: fingerprintOf(schema), schema, json }
}
