// Applications from a CSV: a header with column names, then one application a line. A line is a
// row, always: no field of an application holds a line break, so a stray quote costs its own line
// and not the rest of the file.

import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { closest } from 'fastest-levenshtein'
import { CsvError, type Info, parse } from 'csv-parse'
import { usageError } from '../errors.ts'
import { type ApplicationField, shown } from './check.ts'
import { type ColumnMap, LENDING_CLUB, noField } from './column-map.ts'
import { LINE_LENGTH_MAX, readLines } from './lines.ts'
import { FILLED_IN, type Row, RowMaker, type Source, type SourceOptions } from './source.ts'

/**
 * The CSV's rows. Empty cells are null, or missing where the field must not be null; numbers are
 * decimal, with a point. Columns are named like the fields, or as `columns` says; LendingClub's
 * files are known by theirs. With a column map other columns are passed over; without one they are
 * refused, since a misspelt column would become null for everybody.
 */
export function csvSource(path: string, options: SourceOptions): Source {
  return { [Symbol.asyncIterator]: () => rows(path, options) }
}

async function* rows(path: string, options: SourceOptions): AsyncGenerator<Row, void> {
  const maker = new RowMaker(options)
  const input = Readable.from(guardedLines(path))
  const parser = parse({
    delimiter: ',',
    record_delimiter: '\n',
    trim: true,
    info: true,
    relax_column_count: true,
    skip_empty_lines: true,
    max_record_size: 2 * LINE_LENGTH_MAX,
  })
  // A failure destroys the parser, and so reaches the loop below.
  pipeline(input, parser).catch(() => {})
  let columns: Column[] | undefined
  let width = 0
  try {
    for await (const { record, info } of parser as AsyncIterable<Parsed>) {
      if (columns) {
        yield rowOf(record, info.lines, width, columns, maker)
      } else {
        columns = layOut(record, maker.checker.fields, options.columns, `${path}:${info.lines}`)
        width = record.length
      }
    }
  } catch (error) {
    if (!(error instanceof CsvError)) throw error
    throw usageError('file', `cannot read ${path}: ${error.message}`, error)
  } finally {
    input.destroy()
  }
  if (!columns)
    throw usageError('columns', `${path}: is empty; a header with the columns is missing`)
}

/** What csv-parse gives with `info: true`. */
type Parsed = { record: string[]; info: Info }

/** Starts the only cell of a line that did not reach the parser; the rest of the cell is why. */
const REFUSED = '\0'

/** A line that csv-parse reads as one record; what lies between quotes may hold doubled ones. */
const QUOTED_LINE = (() => {
  const cell = String.raw`(?:[^",]*|\s*"[^"]*(?:""[^"]*)*"\s*)`
  return new RegExp(`^${cell}(?:,${cell})*$`)
})()

/** The file's text, some thousand lines at a time, with lines that are no record replaced. */
async function* guardedLines(path: string): AsyncGenerator<string, void> {
  for await (const lines of readLines(path)) {
    let text = ''
    for (const line of lines) {
      const problem = 'text' in line ? whyNoRecord(line.text) : line.problem
      text += problem === undefined ? (line as { text: string }).text : REFUSED + problem
      text += '\n'
    }
    if (text !== '') yield text
  }
}

function whyNoRecord(text: string): string | undefined {
  if (text.includes(REFUSED)) return 'holds a NUL character'
  if (!text.includes('"') || QUOTED_LINE.test(text)) return undefined
  return 'has a quote out of place'
}

type Column = { field: ApplicationField; index: number; firstDigit: boolean }

function rowOf(
  cells: string[],
  line: number,
  width: number,
  columns: readonly Column[],
  maker: RowMaker,
): Row {
  if (cells[0]!.startsWith(REFUSED)) return { line, message: cells[0]!.slice(REFUSED.length) }
  if (cells.length !== width) {
    return { line, message: `has ${cells.length} columns, the header has ${width}` }
  }
  const values: Record<string, unknown> = {}
  for (const { field, index, firstDigit } of columns) {
    const text = cells[index]!
    if (firstDigit && text !== '') {
      const digit = firstDigitOf(text)
      if (digit === undefined) {
        return { line, field: field.name, message: `is no postal code: ${shown(text)}` }
      }
      values[field.name] = digit
    } else {
      values[field.name] = valueOf(field, text)
    }
  }
  return maker.row(line, values, () => JSON.stringify(cells))
}

const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/

/** A cell as the field's type; what is no such value stays text, which the checker refuses. */
function valueOf(field: ApplicationField, text: string): unknown {
  if (text === '') return null
  switch (field.type) {
    case 'string':
    case 'enum':
      return text
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : text
    default: {
      const number = NUMBER.test(text) ? Number(text) : Number.NaN
      return Number.isFinite(number) ? number : text
    }
  }
}

const CODE_DIGITS_MIN = 3

/** Of a postal code, of which LendingClub publishes three digits, as 190 or 190xx. */
function firstDigitOf(text: string): string | undefined {
  const digits = /^(\d+)(?:xx)?$/.exec(text)?.[1]
  return digits?.padStart(CODE_DIGITS_MIN, '0')[0]
}

/** Which cell of a row is which field. */
function layOut(
  header: string[],
  fields: readonly ApplicationField[],
  given: ColumnMap | undefined,
  place: string,
): Column[] {
  if (header[0]!.startsWith(REFUSED)) {
    throw usageError('columns', `${place}: the header ${header[0]!.slice(REFUSED.length)}`)
  }
  const map = given ?? (isLendingClub(header) ? LENDING_CLUB : undefined)
  if (!map) refuseUnknown(header, fields, place)
  const columns: Column[] = []
  const missing: string[] = []
  for (const field of fields) {
    const use = map?.[field.name]
    const index = indexOf(header, use?.column ?? field.name, use !== undefined, place)
    if (index !== undefined) columns.push({ field, index, firstDigit: use?.firstDigit ?? false })
    else if (field.default === undefined && !FILLED_IN.has(field.name)) missing.push(field.name)
  }
  if (missing.length > 0) {
    throw usageError('columns', `${place}: the header has no column for ${missing.join(', ')}`)
  }
  return columns
}

function isLendingClub(header: readonly string[]): boolean {
  return Object.values(LENDING_CLUB).every(({ column }) => header.includes(column))
}

function refuseUnknown(
  header: readonly string[],
  fields: readonly ApplicationField[],
  place: string,
): void {
  const unknown = header.find((column) => !fields.some((field) => field.name === column))
  if (unknown === undefined) return
  const hint = 'a file given by --columns says which columns to take'
  throw usageError('columns', `${place}: column ${noField(unknown, fields)} (${hint})`)
}

function indexOf(
  header: string[],
  column: string,
  mapped: boolean,
  place: string,
): number | undefined {
  const index = header.indexOf(column)
  if (index < 0) {
    if (!mapped) return undefined
    const nearest = closest(column, header)
    const what = `has no column "${column}"; the nearest is "${nearest}"`
    throw usageError('columns', `${place}: the header ${what}`)
  }
  if (header.lastIndexOf(column) !== index) {
    throw usageError('columns', `${place}: the header has the column "${column}" twice`)
  }
  return index
}
