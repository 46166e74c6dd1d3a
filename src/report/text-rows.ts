// Rows of a CSV or of JSON lines by the names of their columns: what decisions and groups are read
// from. The first row that cannot be read ends it: a report over a part would look like one over
// all.

import { createReadStream } from 'node:fs'
import { extname } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { CsvError, type Info, parse } from 'csv-parse'
import { readLines } from '../applications/lines.ts'
import { messageOf, usageError } from '../errors.ts'
import { nearest } from '../nearest.ts'

/** `line` is from 1; values are text in a CSV, and as they are in JSON lines. */
export type TextRow = { line: number; values: Record<string, unknown> }

/**
 * @param columns  that each row must have; others are passed over
 * @throws OperatingError kind 'usage' with file and line
 */
export function readTextRows(path: string, columns: readonly string[]): AsyncIterable<TextRow> {
  switch (extname(path).toLowerCase()) {
    case '.csv':
      return csvRows(path, columns)
    case '.jsonl':
    case '.ndjson':
      return jsonRows(path, columns)
    default:
      throw usageError('extension', `${path}: must be a .csv or .jsonl file`)
  }
}

async function* csvRows(path: string, columns: readonly string[]): AsyncGenerator<TextRow> {
  const parser = parse({
    columns: (header: string[]) => {
      checkHeader(header, columns, path)
      return header
    },
    bom: true,
    info: true,
    trim: true,
    skip_empty_lines: true,
  })
  // A failure destroys the parser, and so reaches the loop below.
  pipeline(createReadStream(path), parser).catch(() => {})
  type Parsed = { record: Record<string, string>; info: Info }
  let isEmpty = true
  try {
    for await (const { record, info } of parser as AsyncIterable<Parsed>) {
      isEmpty = false
      yield { line: info.lines, values: record }
    }
  } catch (error) {
    const isTheirs = error instanceof CsvError
    if (!isTheirs && !(error instanceof Error && 'syscall' in error)) throw error
    const line = isTheirs && typeof error['lines'] === 'number' ? `:${error['lines']}` : ''
    throw usageError('file', `${path}${line}: cannot be read: ${messageOf(error)}`, error)
  }
  if (isEmpty) throw usageError('file', `${path}: holds no rows`)
}

function checkHeader(header: readonly string[], columns: readonly string[], path: string): void {
  for (const column of columns) {
    const count = header.filter((name) => name === column).length
    if (count === 1) continue
    if (count > 1) throw usageError('columns', `${path}:1: has the column "${column}" twice`)
    throw usageError('columns', `${path}:1: has no column "${column}"${meant(column, header)}`)
  }
}

async function* jsonRows(path: string, columns: readonly string[]): AsyncGenerator<TextRow> {
  let isEmpty = true
  for await (const lines of readLines(path)) {
    for (const line of lines) {
      const place = `${path}:${line.number}`
      if ('problem' in line) throw usageError('file', `${place}: ${line.problem}`)
      if (line.text.trim() === '') continue
      isEmpty = false
      yield { line: line.number, values: objectOf(line.text, columns, place) }
    }
  }
  if (isEmpty) throw usageError('file', `${path}: holds no rows`)
}

function objectOf(text: string, columns: readonly string[], place: string) {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw usageError('json', `${place}: is not JSON: ${messageOf(error)}`, error)
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    throw usageError('json', `${place}: must be an object of fields`)
  }
  const missing = columns.find((column) => !(column in value))
  if (missing === undefined) return value as Record<string, unknown>
  const names = Object.keys(value)
  throw usageError('columns', `${place}: has no field "${missing}"${meant(missing, names)}`)
}

function meant(name: string, names: readonly string[]): string {
  const close = nearest(name, names)
  return close === undefined ? '' : `; the nearest is "${close}"`
}
