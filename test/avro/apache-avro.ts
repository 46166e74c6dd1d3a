// Apache Avro itself as the judge of pairs of schemas and of their records, where the set-up found
// it.

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ITEMS_MAX } from '../../assembly/layout.ts'
import { BUILD, ROOT } from '../../src/paths.ts'
import { avroFactsPath } from '../../src/setup/avro.ts'
import { schemaText } from '../../src/avro/schema-json.ts'
import type { Json } from '../../src/avro/schema.ts'
import type { JarFacts } from '../../src/setup/jars.ts'
import type { Pair } from './random-pairs.ts'

/** What Judge.java prints; see there. */
export type Judgement = {
  verdict: 'compatible' | 'incompatible' | 'throws' | 'refused'
  found: string[]
  reader: string
  writer: string
}

function facts(): JarFacts {
  try {
    return JSON.parse(readFileSync(avroFactsPath(BUILD), 'utf8')) as JarFacts
  } catch {
    return { unavailable: 'tests on Apache Avro are skipped: run the set-up with --broker' }
  }
}

/** Why there is no Apache Avro here, in one sentence; undefined when there is. */
export function unavailable(): string | undefined {
  const found = facts()
  return 'unavailable' in found ? found.unavailable : undefined
}

/** Judges the pairs, in order. */
export async function judge(pairs: readonly Pair[]): Promise<Judgement[]> {
  return await ask<Judgement>(
    'Judge.java',
    pairs.map(({ reader, writer }) => [reader, writer]),
  )
}

/** Records of the pair's writer, as hexadecimal. */
export type Written = Pair & { records: string[] }

/** What Apache Avro makes of each pair's records; see Resolve.java. */
export async function resolve(written: readonly Written[]): Promise<string[][]> {
  return await ask<string[]>(
    'Resolve.java',
    written.map(({ reader, writer, records }) => [reader, writer, records]),
  )
}

/** Without limits it makes room for as many items and bytes as a damaged record asks for. */
const LIMITS = { 'collectionItems.maxLength': ITEMS_MAX, 'bytes.maxLength': 1 << 20 }
const JAVA = [
  '-XX:TieredStopAtLevel=1',
  ...Object.entries({ ...LIMITS, 'string.maxLength': 1 << 20 }).map(
    ([name, limit]) => `-Dorg.apache.avro.limits.${name}=${limit}`,
  ),
]

async function ask<Answer>(file: string, questions: readonly Json[]): Promise<Answer[]> {
  const found = facts()
  if ('unavailable' in found) throw new Error(found.unavailable)
  const program = join(ROOT, 'test/avro/java', file)
  const lines = questions.map((question) => `${schemaText(question)}\n`)
  const child = Bun.spawn([found.java, ...JAVA, '-cp', join(found.jarFolder, '*'), program], {
    stdin: new Blob(lines),
    stdout: 'pipe',
    stderr: 'pipe',
  })
  const [out, errors] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ])
  if ((await child.exited) !== 0) throw new Error(`${file} failed: ${errors.slice(0, 2000)}`)
  return out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Answer)
}
