// Rows of numbers from a CSV or from JSON lines, for any model: which column is which feature is
// found by name. A row that cannot be read ends the reading, with its line and field: a score that
// is left out would shift all that come after it.

import { extname } from 'node:path'
import { parse } from 'csv-parse/sync'
import { closest } from 'fastest-levenshtein'
import { shown } from '../../applications/check.ts'
import { type Line, LineSplitter, readLines } from '../../applications/lines.ts'
import { type OperatingError, messageOf, usageError } from '../../errors.ts'
import { type UnitScale, isScaled, scaled } from '../../scorer/unit-scale.ts'

type Feature = UnitScale & { name: string; field: string }

/** A column by its number, or one in its field's unit, of which a feature is made. */
type Choice = number | { column: number; scale: UnitScale }

/**
 * Chooses columns: their numbers among those of the file.
 *
 * @throws OperatingError kind 'usage', code 'columns'; `place` is how it names the header
 */
export type Selection = (columns: readonly string[], place: string) => Choice[]

export type RowBatch = {
  count: number
  /** Line of each row, from 1. */
  lines: number[]
  /** By selection the chosen values, f64[count][chosen columns]; NaN is missing. */
  values: Float64Array[]
}

/** Rows of a batch. */
export const BATCH_ROWS = 1024

/** Missing columns that are told by name. */
const TOLD_MAX = 5

/** How errors name the input. */
export function inputName(path: string): string {
  return path === '-' ? 'standard input' : path
}

/**
 * Reads a file batch by batch, in constant memory.
 *
 * CSV: a header, then a row a line. JSON lines: an object a line, with the keys of the first.
 * Missing are the empty cell, NA, NaN and null in any case; true and false are 1 and 0.
 *
 * @param path  .csv, .jsonl or .ndjson; or - for standard input, known by its first character
 * @throws OperatingError kind 'usage', code 'file', 'extension', 'columns' or 'row'
 */
export async function* readRows(
  path: string,
  selections: readonly Selection[],
): AsyncGenerator<RowBatch, void> {
  const table = new Table(inputName(path), kindOf(path), selections)
  for await (const lines of path === '-' ? standardInput() : readLines(path)) {
    for (const line of lines) {
      table.push(line)
      if (table.count === BATCH_ROWS) yield table.take()
    }
  }
  if (table.count > 0) yield table.take()
}

/**
 * A model's features, each by its own name, or by its field's where no column has it. Other columns
 * are passed over: files hold ids and labels. A misspelt one leaves its feature without a column,
 * which is refused.
 */
export function featureColumns(features: readonly Feature[]): Selection {
  return (columns, place) => {
    const refuse = (what: string) => usageError('columns', `${place}: ${what}`)
    const chosen = features.map(({ name, field }) => {
      const column = columns.includes(name) ? name : field
      const index = columns.indexOf(column)
      if (columns.lastIndexOf(column) !== index) {
        throw refuse(`there are two columns "${column}"`)
      }
      return index
    })
    const missing = features.filter((_, i) => chosen[i] === -1).map(({ name }) => name)
    if (missing.length > 0) {
      const nearest = closest(missing[0]!, columns)
      const hint = nearest === '' ? '' : `; the nearest to the first is "${nearest}"`
      const others = missing.length > TOLD_MAX ? ` and ${missing.length - TOLD_MAX} more` : ''
      throw refuse(`no column for ${missing.slice(0, TOLD_MAX).join(', ')}${others}${hint}`)
    }
    const choices = features.map((feature, i): Choice => {
      const column = chosen[i]!
      const isMade = isScaled(feature) && columns[column] === feature.field
      return isMade ? { column, scale: feature } : column
    })
    // Features in several units may be made of one.
    const isTaken = (column: Choice, i: number) =>
      typeof column === 'number' && choices.indexOf(column) !== i
    const twice = choices.findIndex(isTaken)
    if (twice < 0) return choices
    throw refuse(`column "${columns[chosen[twice]!]}" would be two features`)
  }
}

async function* standardInput(): AsyncGenerator<Line[], void> {
  const splitter = new LineSplitter()
  for await (const chunk of Bun.stdin.stream()) yield splitter.push(chunk)
  yield splitter.end()
}

type Kind = 'csv' | 'json'

const KINDS: Readonly<Record<string, Kind>> = { '.csv': 'csv', '.jsonl': 'json', '.ndjson': 'json' }

/** Undefined for standard input: its first line says. */
function kindOf(path: string): Kind | undefined {
  if (path === '-') return undefined
  const kind = KINDS[extname(path).toLowerCase()]
  if (kind) return kind
  const known = Object.keys(KINDS).join(', ')
  throw usageError('extension', `${path}: is no file of rows; these are: ${known}`)
}

/** A row as its columns' texts, or as what JSON holds. */
type Cells = (column: number) => unknown

class Table {
  count = 0
  private readonly name: string
  private readonly selections: readonly Selection[]
  private kind: Kind | undefined
  private columns: string[] | undefined
  /** Column numbers by selection. */
  private chosen: Choice[][] = []
  private values: Float64Array[] = []
  private lines: number[] = []

  constructor(name: string, kind: Kind | undefined, selections: readonly Selection[]) {
    this.name = name
    this.kind = kind
    this.selections = selections
  }

  push(line: Line): void {
    if ('problem' in line) throw this.error(line.number, line.problem)
    if (line.text.trim() === '') return
    this.kind ??= line.text.trimStart().startsWith('{') ? 'json' : 'csv'
    if (this.kind === 'csv') this.pushCsv(line.number, line.text)
    else this.pushJson(line.number, line.text)
  }

  take(): RowBatch {
    const { count, lines, values } = this
    this.count = 0
    this.lines = []
    this.values = this.chosen.map((columns) => new Float64Array(BATCH_ROWS * columns.length))
    return { count, lines, values }
  }

  private pushCsv(line: number, text: string): void {
    const cells = this.cut(line, text)
    if (!this.columns) {
      this.open(cells, line)
      return
    }
    const width = this.columns.length
    if (cells.length !== width) {
      throw this.error(line, `has ${cells.length} columns, the header has ${width}`)
    }
    this.add(line, (column) => cells[column])
  }

  /** A line is a row, always: no number holds a line break. */
  private cut(line: number, text: string): string[] {
    if (!text.includes('"')) return text.split(',').map((cell) => cell.trim())
    try {
      return parse(text, { trim: true })[0] ?? []
    } catch (error) {
      throw this.error(line, `has a quote out of place: ${messageOf(error)}`)
    }
  }

  private pushJson(line: number, text: string): void {
    let row: unknown
    try {
      row = JSON.parse(text)
    } catch (error) {
      throw this.error(line, `is not JSON: ${messageOf(error)}`)
    }
    if (typeof row !== 'object' || row === null || Array.isArray(row)) {
      throw this.error(line, `must be an object, is ${shown(row)}`)
    }
    const values = new Map(Object.entries(row))
    if (!this.columns) this.open([...values.keys()], line)
    const columns = this.columns!
    this.add(line, (column) => {
      const value: unknown = values.get(columns[column]!)
      if (value === undefined) throw this.error(line, `${columns[column]!}: is not there`)
      return value
    })
  }

  private open(columns: string[], line: number): void {
    this.columns = columns
    const place = `${this.name}:${line}`
    this.chosen = this.selections.map((select) => select(columns, place))
    this.take()
  }

  private add(line: number, cells: Cells): void {
    for (const [i, columns] of this.chosen.entries()) {
      const from = this.count * columns.length
      for (const [k, choice] of columns.entries()) {
        const column = typeof choice === 'number' ? choice : choice.column
        const cell = cells(column)
        const value = numberOf(cell)
        if (value === undefined) {
          const what = `${this.columns![column]!}: must be a number, is ${shown(cell)}`
          throw this.error(line, what)
        }
        this.values[i]![from + k] = typeof choice === 'number' ? value : scaled(value, choice.scale)
      }
    }
    this.lines.push(line)
    this.count++
  }

  private error(line: number, what: string): OperatingError {
    return usageError('row', `${this.name}:${line}: ${what}`)
  }
}

const DECIMAL = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/
const WORDS: Readonly<Record<string, number>> = {
  '': Number.NaN,
  na: Number.NaN,
  nan: Number.NaN,
  null: Number.NaN,
  inf: Number.POSITIVE_INFINITY,
  '+inf': Number.POSITIVE_INFINITY,
  '-inf': Number.NEGATIVE_INFINITY,
  infinity: Number.POSITIVE_INFINITY,
  '+infinity': Number.POSITIVE_INFINITY,
  '-infinity': Number.NEGATIVE_INFINITY,
  true: 1,
  false: 0,
}

/** NaN is a missing value, undefined what is no number; a decimal beyond doubles is none. */
function numberOf(cell: unknown): number | undefined {
  if (typeof cell === 'number') return Number.isFinite(cell) ? cell : undefined
  if (cell === null) return Number.NaN
  if (typeof cell === 'boolean') return Number(cell)
  if (typeof cell !== 'string') return undefined
  if (!DECIMAL.test(cell)) {
    const word = cell.toLowerCase()
    return Object.hasOwn(WORDS, word) ? WORDS[word] : undefined
  }
  const value = Number(cell)
  return Number.isFinite(value) ? value : undefined
}
