// Decisions to a file, by its extension: JSON lines, CSV, or an Avro container with the very bytes
// that would lie on the topic. The file appears under its name when it is complete.

import { createWriteStream } from 'node:fs'
import { rename, rm } from 'node:fs/promises'
import { extname } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { stringify } from 'csv-stringify'
import { writeContainer } from '../applications/container-file.ts'
import type { SchemaVersion } from '../avro/schema-files.ts'
import { DecisionDecoder, type DecisionRecord } from '../decisions.ts'
import { OperatingError, messageOf, usageError } from '../errors.ts'

/** Encoded decisions, as they become known. */
type Decisions = AsyncIterable<Uint8Array>

export type WriteDecisions = (decisions: Decisions) => Promise<void>

/**
 * Chooses the writer of a file.
 *
 * @throws OperatingError kind 'usage', code 'extension', for one that is not known
 */
export function decisionWriter(path: string, schema: SchemaVersion): WriteDecisions {
  const decoder = new DecisionDecoder(schema)
  switch (extname(path).toLowerCase()) {
    case '.jsonl':
    case '.ndjson':
      return (decisions) => writeText(path, jsonLines(decisions, decoder))
    case '.csv':
      return (decisions) => writeText(path, rows(decisions, decoder), csv(schema))
    case '.avro':
      return async (decisions) => {
        await writeContainer(path, schema, decisions)
      }
    default:
      throw usageError('extension', `${path}: decisions go to .jsonl, .csv or .avro`)
  }
}

/** Text that goes to the file in one go: a stream costs far more a piece than a line does. */
const CHUNK_CHARACTERS = 1 << 16

async function* jsonLines(decisions: Decisions, decoder: DecisionDecoder): AsyncGenerator<string> {
  let text = ''
  for await (const bytes of decisions) {
    text += `${JSON.stringify(decoder.decode(bytes))}\n`
    if (text.length < CHUNK_CHARACTERS) continue
    yield text
    text = ''
  }
  yield text
}

/** CSV has no lists: reasons become their codes and their fields, joined by | and by +. */
async function* rows(
  decisions: Decisions,
  decoder: DecisionDecoder,
): AsyncGenerator<Record<string, unknown>> {
  for await (const bytes of decisions) {
    const decision: DecisionRecord = decoder.decode(bytes)
    const { reasons } = decision
    yield {
      ...decision,
      reasons: reasons.map((reason) => reason.code).join('|'),
      reason_fields: reasons.map((reason) => reason.fields.join('+')).join('|'),
    }
  }
}

function csv(schema: SchemaVersion) {
  const columns = schema.schema.fields.flatMap(({ name }) =>
    name === 'reasons' ? ['reasons', 'reason_fields'] : [name],
  )
  return stringify({ header: true, columns })
}

/** Writes text to a file that appears under its name when it is complete. */
export async function writeText(
  path: string,
  content: AsyncIterable<unknown> | Iterable<unknown>,
  through?: NodeJS.ReadWriteStream,
): Promise<void> {
  const partial = `${path}.partial`
  try {
    const file = createWriteStream(partial)
    if (through) await pipeline(content, through, file)
    else await pipeline(content, file)
    await rename(partial, path)
  } catch (error) {
    await rm(partial, { force: true })
    if (error instanceof OperatingError || !(error instanceof Error && 'syscall' in error))
      throw error
    throw usageError('file', `cannot write ${path}: ${messageOf(error)}`, error)
  }
}
