// The committed pairs of schemas with what Apache Avro said of them: gzipped JSON lines, each an
// array of reader, writer, verdict, what was found, and both fingerprints.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../../src/paths.ts'
import type { Json } from '../../src/avro/schema.ts'
import type { Judgement } from './apache-avro.ts'
import type { Pair } from './random-pairs.ts'

export type JudgedPair = Pair & { judgement: Judgement }

const PATH = join(ROOT, 'test/fixtures/avro-pairs.jsonl.gz')

type Line = [Json, Json, Judgement['verdict'], string[], string, string]

export function readJudgedPairs(): JudgedPair[] {
  const text = new TextDecoder().decode(Bun.gunzipSync(readFileSync(PATH)))
  return text
    .trimEnd()
    .split('\n')
    .map((text) => {
      const [reader, writer, verdict, found, ofReader, ofWriter] = JSON.parse(text) as Line
      return { reader, writer, judgement: { verdict, found, reader: ofReader, writer: ofWriter } }
    })
}

export function writeJudgedPairs(pairs: readonly JudgedPair[]): void {
  const lines = pairs.map(({ reader, writer, judgement }) => {
    const { verdict, found } = judgement
    const line: Line = [reader, writer, verdict, found, judgement.reader, judgement.writer]
    return `${JSON.stringify(line)}\n`
  })
  writeFileSync(PATH, Bun.gzipSync(Buffer.from(lines.join('')), { level: 9 }))
}
