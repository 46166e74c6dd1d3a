// Decisions from a file as `decide` and `replay` write them: JSON lines, CSV or an Avro container.

import { extname } from 'node:path'
import { z } from 'zod'
import { readContainerRecords } from '../applications/container.ts'
import { DECISIONS } from '../avro/encode-plan.ts'
import { DecisionDecoder } from '../decisions.ts'
import { usageError } from '../errors.ts'
import { readTextRows } from './text-rows.ts'

const hash = z.string().regex(/^[0-9a-f]{64}$/, 'must be a SHA-256 as hexadecimal text')

/** What a report takes of a decision. */
const decided = z.object({
  application_id: z.string().min(1),
  decision: z.enum(DECISIONS),
  margin: z.number(),
  reasons: z.array(z.object({ code: z.string().min(1) })),
  model: hash,
  policy: hash,
  topic: z.string(),
  partition: z.int().nonnegative(),
  offset: z.int().nonnegative(),
})

export type Decided = z.infer<typeof decided>

const COLUMNS = Object.keys(decided.shape)

/**
 * Reads a file's decisions, in order.
 *
 * @throws OperatingError kind 'usage' for the first that is none, with file, line (or record) and
 *   field
 */
export async function* readDecisionFile(path: string): AsyncGenerator<Decided> {
  switch (extname(path).toLowerCase()) {
    case '.avro':
      yield* containerDecisions(path)
      return
    case '.csv':
      for await (const { line, values } of readTextRows(path, COLUMNS)) {
        yield checked(fromCells(values as Record<string, string>), `${path}:${line}`)
      }
      return
    case '.jsonl':
    case '.ndjson':
      for await (const { line, values } of readTextRows(path, COLUMNS)) {
        yield checked(values, `${path}:${line}`)
      }
      return
    default:
      throw usageError('extension', `${path}: decisions are read from .jsonl, .csv or .avro`)
  }
}

async function* containerDecisions(path: string): AsyncGenerator<Decided> {
  const { schema, records } = await readContainerRecords(path)
  const lacking = COLUMNS.find((name) => !schema.schema.fields.some((field) => field.name === name))
  if (lacking !== undefined) {
    throw usageError('columns', `${path}: its schema has no field "${lacking}": no decisions`)
  }
  const decoder = new DecisionDecoder(schema)
  let record = 0
  for await (const bytes of records) {
    record++
    yield checked(decoder.decode(bytes), `${path}: record ${record}`)
  }
}

/** A CSV's cells as the values that they stand for; what is no number stays text. */
function fromCells(cells: Record<string, string>): Record<string, unknown> {
  const { margin, partition, offset, reasons } = cells
  const codes = reasons === '' ? [] : reasons!.split('|')
  const numbers = Object.entries({ margin, partition, offset }).map(([name, text]) => {
    const value = Number(text)
    return [name, text !== '' && Number.isFinite(value) ? value : text] as const
  })
  return { ...cells, ...Object.fromEntries(numbers), reasons: codes.map((code) => ({ code })) }
}

function checked(value: unknown, place: string): Decided {
  const parsed = decided.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]!
  throw usageError('decision', `${place}: ${issue.path.join('.')}: ${issue.message}`)
}
