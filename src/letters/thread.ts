// The thread that reads the latest dead letters for whoever looks (see ../letters.ts).

import { join } from 'node:path'
import { loadSchemaVersions } from '../avro/schema-files.ts'
import { latestLetters } from '../dlq/latest.ts'
import { messageOf } from '../errors.ts'
import type { LettersSource } from '../letters.ts'
import { AssignedReader } from '../rdkafka/assigned-reader.ts'
import { openLibrary } from '../rdkafka/library.ts'
import type { LettersAnswer } from './view.ts'

declare const self: Worker

let isOpen = false

self.onmessage = async ({ data }: MessageEvent<LettersSource>) => {
  const answer = await read(data).catch((error: unknown) => ({ error: messageOf(error) }))
  self.postMessage(answer)
}

async function read(source: LettersSource): Promise<LettersAnswer> {
  if (!isOpen) openLibrary(source.library)
  isOpen = true
  const versions = loadSchemaVersions(join(source.schemas, 'loan_application'))
  using reader = new AssignedReader(source.properties, source.timeoutMs)
  return { letters: await latestLetters(reader, source.topic, versions) }
}
