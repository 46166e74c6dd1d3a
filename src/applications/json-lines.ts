// Applications from JSON lines: one object a line, named like the schema's fields. Blank lines are
// passed over. A name that is no field is an error, since a misspelt one would become null.

import { type ParseError, parse, printParseErrorCode } from 'jsonc-parser'
import { shown } from './check.ts'
import { noField } from './column-map.ts'
import { readLines } from './lines.ts'
import { type Row, RowMaker, type Source, type SourceOptions } from './source.ts'

export function jsonLinesSource(path: string, options: SourceOptions): Source {
  return { [Symbol.asyncIterator]: () => rows(path, options) }
}

async function* rows(path: string, options: SourceOptions): AsyncGenerator<Row, void> {
  const maker = new RowMaker(options)
  for await (const lines of readLines(path)) {
    for (const line of lines) {
      if ('problem' in line) yield { line: line.number, message: line.problem }
      else if (line.text.trim() !== '') yield rowOf(line.number, line.text, maker)
    }
  }
}

function rowOf(line: number, text: string, maker: RowMaker): Row {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return { line, message: whyNoJson(text) }
  }
  if (value === null || typeof value !== 'object' || Array.isArray(value)) {
    return { line, message: `must be an object of fields, is ${shown(value)}` }
  }
  const { names, fields } = maker.checker
  const unknown = Object.keys(value).find((key) => !names.has(key))
  if (unknown !== undefined) return { line, message: noField(unknown, fields) }
  return maker.row(line, { ...value }, () => text)
}

/** JSON.parse does not say where; the slower parser does. */
function whyNoJson(text: string): string {
  const errors: ParseError[] = []
  parse(text, errors, { disallowComments: true, allowTrailingComma: false })
  const first = errors[0]
  if (!first) return 'is not JSON'
  const what = printParseErrorCode(first.error)
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .toLowerCase()
  return `is not JSON: ${what} at column ${first.offset + 1}`
}
