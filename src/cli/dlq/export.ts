// `dlq export`: the selected letters as a file, by its extension.

import { extname } from 'node:path'
import { stringify } from 'csv-stringify'
import { writeContainer } from '../../applications/container-file.ts'
import { letterEncoder, letterSchema, rowOf } from '../../dlq/export.ts'
import { type Letter, identityOf } from '../../dlq/letter.ts'
import { usageError } from '../../errors.ts'
import { offsetsIn } from '../../replay/window.ts'
import type { Context } from '../context.ts'
import { writeText } from '../decision-writer.ts'
import type { ExportOptions } from '../dlq.ts'
import { startProgress } from '../progress.ts'
import { openLetters } from './open.ts'

type Row = { letter: Letter; sent: boolean }
type Write = (rows: AsyncIterable<Row>) => Promise<unknown>

export async function exportLetters(options: ExportOptions, context: Context): Promise<number> {
  const write = writerOf(options.output)
  using letters = openLetters(options, context)
  const marks = letters.marks()
  const progress = startProgress('read', offsetsIn(letters.windows))
  let count = 0
  async function* rows(): AsyncGenerator<Row> {
    for await (const letter of letters.select(progress.update)) {
      count++
      yield { letter, sent: marks.has(identityOf(letter)) }
    }
  }
  try {
    await write(rows())
  } finally {
    progress.stop()
  }
  if (options.json) context.output.print(`${JSON.stringify({ letters: count })}\n`)
  else process.stderr.write(`${count} letters to ${options.output}\n`)
  return 0
}

function writerOf(path: string): Write {
  switch (extname(path).toLowerCase()) {
    case '.jsonl':
    case '.ndjson':
      return (rows) => writeText(path, jsonLines(rows))
    case '.csv':
      return (rows) => writeText(path, csvRows(rows), stringify({ header: true }))
    case '.avro': {
      const schema = letterSchema()
      const encode = letterEncoder(schema)
      return (rows) => writeContainer(path, schema, encoded(rows, encode))
    }
    default:
      throw usageError('extension', `${path}: letters go to .jsonl, .csv or .avro`)
  }
}

async function* jsonLines(rows: AsyncIterable<Row>): AsyncGenerator<string> {
  for await (const { letter, sent } of rows) yield `${JSON.stringify(rowOf(letter, sent))}\n`
}

/** CSV has no lists: headers are JSON there. */
async function* csvRows(rows: AsyncIterable<Row>): AsyncGenerator<Record<string, unknown>> {
  for await (const { letter, sent } of rows) {
    const row = rowOf(letter, sent)
    yield { ...row, sent: String(sent), headers: JSON.stringify(row.headers) }
  }
}

async function* encoded(
  rows: AsyncIterable<Row>,
  encode: (letter: Letter, sent: boolean) => Uint8Array,
): AsyncGenerator<Uint8Array> {
  for await (const { letter, sent } of rows) yield encode(letter, sent)
}
