// What the tests of this room share: the schema, a good application, files that go away again, and
// all rows of a source.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Application } from '../../src/applications/application.ts'
import { openApplications } from '../../src/applications/open.ts'
import {
  type GoodRow,
  type Row,
  type Source,
  type SourceOptions,
  badRowText,
  isBad,
} from '../../src/applications/source.ts'
import { fingerprintOf } from '../../src/avro/fingerprint.ts'
import { type SchemaVersion, loadSchemaVersions, newest } from '../../src/avro/schema-files.ts'
import { type Field, type Json, parseRecord } from '../../src/avro/schema.ts'
import { OperatingError } from '../../src/errors.ts'
import { fromRoot } from '../../src/paths.ts'

export const schema = newest(loadSchemaVersions(fromRoot('schemas/loan_application')))

export const good: Application = {
  application_id: '0f8fad5b-d9cb-469f-a165-70867728950e',
  submitted_at: 1_780_000_000_123_456,
  region: '9',
  loan_amount: 12_000,
  annual_income: 65_000.5,
  credit_score: 702,
  debt_to_income: 18.25,
  employment_years: 4,
  delinquencies_2y: 0,
  months_since_delinquency: null,
  inquiries_6m: 1,
  open_accounts: 11,
  total_accounts: 24,
  public_records: 0,
  bankruptcies: 0,
  revolving_balance: 11_873,
  revolving_utilization: 55.1,
  mortgage_accounts: 1,
  total_balance: 141_000,
  revolving_limit: 30_400,
  accounts_opened_24m: 4,
  months_since_oldest_revolving: 181,
  average_balance: 13_020,
  bankcard_utilization: null,
  active_revolving_accounts: 5,
}

/** The good application without a field. */
export function without(...fields: string[]): Application {
  return Object.fromEntries(Object.entries(good).filter(([name]) => !fields.includes(name)))
}

/** A schema as a file of the schemas folder would be. */
export function schemaOf(json: Json, version = 2): SchemaVersion {
  const path = `schemas/test/${version}.avsc`
  const parsed = parseRecord(json, path)
  return { path, version, fingerprint: fingerprintOf(parsed), schema: parsed, json }
}

type FieldJson = { name: string; type: Json; [key: string]: Json }

/** The newest schema with its fields changed. */
export function variant(change: (fields: FieldJson[]) => FieldJson[], name = 'LoanApplication') {
  const json = structuredClone(schema.json) as { fields: FieldJson[]; name: string }
  return schemaOf({ ...json, name, fields: change(json.fields) })
}

export function fieldNamed(name: string): Field {
  const field = schema.schema.fields.find((candidate) => candidate.name === name)
  if (!field) throw new Error(`no field ${name}`)
  return field
}

/** A folder that goes away with the block: `using folder = new Folder()`. */
export class Folder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'loanstream-test-'))

  file(name: string): string {
    return join(this.path, name)
  }

  write(name: string, content: string | Uint8Array): string {
    writeFileSync(this.file(name), content)
    return this.file(name)
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}

export const SUBMITTED_AT = 1_790_000_000_000_000

export function openForTest(path: string, options: Partial<SourceOptions> = {}): Source {
  return openApplications(path, { schema, submittedAt: SUBMITTED_AT, ...options })
}

export async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const item of source) all.push(item)
  return all
}

/** Rows as a person would see them: applications as they are, bad rows as their text. */
export function seen(rows: readonly Row[]): (Application | string)[] {
  return rows.map((row) => (isBad(row) ? badRowText('file', row) : row.application))
}

export function applicationsOf(rows: readonly Row[]): Application[] {
  return rows.filter((row): row is GoodRow => !isBad(row)).map((row) => row.application)
}

/** The message of what is thrown, which must be an OperatingError for people to mend. */
export async function refusal(call: () => unknown): Promise<string> {
  try {
    await call()
  } catch (error) {
    if (error instanceof OperatingError && error.kind === 'usage') return error.message
    throw error
  }
  throw new Error('nothing was refused')
}
