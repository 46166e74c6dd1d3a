// What every kind of file gives: rows, in order, one at a time. A row that makes no application is
// a row too, with its place and reason: the caller counts it, and skips it or stops. Only a file
// that cannot be read any further throws.

import type { SchemaVersion } from '../avro/schema-files.ts'
import type { Application } from './application.ts'
import { ApplicationChecker, type Problem } from './check.ts'
import type { ColumnMap } from './column-map.ts'
import { identify } from './identity.ts'

/** `line` is the row's line in the file, from 1; in a container, the record's number. */
export type GoodRow = { line: number; application: Application }
export type BadRow = { line: number; field?: string; message: string }
export type Row = GoodRow | BadRow

/**
 * Rows as they are read, in constant memory. Iterating a second time reads the file again.
 *
 * Throws an OperatingError of kind 'usage' that names the file when it cannot be read, when its
 * header or schema is not one of applications, or when it is damaged as a whole.
 */
export type Source = AsyncIterable<Row>

export type SourceOptions = {
  /** The newest schema of applications. */
  schema: SchemaVersion
  /** For rows that do not say when they were submitted, µs since 1970; default: now. */
  submittedAt?: number | undefined
  /** Which columns of a CSV are which fields. */
  columns?: ColumnMap | undefined
}

export function isBad(row: Row): row is BadRow {
  return 'message' in row
}

/** A bad row as one line for a person: `applications.csv:17: credit_score: must be …`. */
export function badRowText(path: string, row: BadRow): string {
  const place = row.field === undefined ? '' : ` ${row.field}:`
  return `${path}:${row.line}:${place} ${row.message}`
}

/** A row from the problems of its fields: the first, and how many more there are. */
function badRow(line: number, problems: readonly Problem[]): BadRow {
  const { field, message } = problems[0]!
  const more = problems.length - 1
  const others = more === 0 ? '' : ` (and ${more} more ${more === 1 ? 'field' : 'fields'})`
  return { line, field, message: message + others }
}

/** Fields that a row need not have: see RowMaker.row. */
export const FILLED_IN: ReadonlySet<string> = new Set(['application_id', 'submitted_at'])

/** Makes rows of values: what all formats have in common. */
export class RowMaker {
  readonly checker: ApplicationChecker
  private readonly submittedAt: number

  constructor(options: SourceOptions) {
    this.checker = new ApplicationChecker(options.schema)
    this.submittedAt = options.submittedAt ?? Date.now() * 1000
  }

  /**
   * @param values   by field; `application_id` and `submitted_at` are filled in where undefined
   * @param content  what the row says, for its id
   */
  row(line: number, values: Record<string, unknown>, content: () => string): Row {
    if (values['application_id'] === undefined) values['application_id'] = identify(line, content())
    if (values['submitted_at'] === undefined) values['submitted_at'] = this.submittedAt
    const checked = this.checker.check(values)
    return 'application' in checked
      ? { line, application: checked.application }
      : badRow(line, checked.problems)
  }
}
