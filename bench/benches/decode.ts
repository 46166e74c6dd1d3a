// How long does decoding take, beside avsc in the same run? 25 fields, about 150 bytes, from Avro
// bytes to a row of doubles (avsc's are objects); and of records that an older schema wrote, which
// must be resolved.

import type avsc from 'avsc'
import { type Bench, check, figure, fnv1a, leastInTurns } from '../bench.ts'
import { BATCH_RECORDS, benchParts, callsFor, engineWith } from '../support/engine.ts'
import { olderApplication, olderColumn, versionsOf } from '../support/older-schema.ts'
import { type Application, avroType } from '../../src/applications/application.ts'
import { Generator } from '../../src/applications/generator.ts'
import { singleObjectHeader } from '../../src/avro/fingerprint.ts'
import type { SchemaVersion } from '../../src/avro/schema-files.ts'
import type { Engine } from '../../src/scorer/engine.ts'
import { makeProgram } from '../../src/scorer/program.ts'

type Resolver = ReturnType<avsc.Type['createResolver']>

/** µs since 1970: a time of these years takes eight bytes. */
const SUBMITTED_AT = 1_750_000_000_000_000

/** An application as a record of some schema says it, and what its columns must be. */
type Given = { values: Record<string, unknown>; column: (field: string) => number }

export const bench: Bench = {
  question: 'decode: Avro bytes to a row of doubles, µs a record',
  async run(size) {
    const { parts, artefact } = benchParts()
    const { older, newer } = versionsOf(parts.applications.at(-1)!)
    const program = makeProgram({ ...parts, applications: [older, newer] }, artefact)
    const generator = new Generator(1)
    const applications = Array.from({ length: BATCH_RECORDS }, (_, i) =>
      generator.next(SUBMITTED_AT + i),
    )

    const plain = applications.map(plainly)
    const plainBodies = bodiesOf(newer, plain)
    const plainEngine = engineWith(program, plainBodies.map(under(newer)))
    const resolved = applications.map(olderly)
    const olderBodies = bodiesOf(older, resolved)
    const olderEngine = engineWith(program, olderBodies.map(under(older)))
    const checksum = checked(olderEngine, resolved, checked(plainEngine, plain))

    const type = avroType(newer.json)
    const olderType = avroType(older.json)
    const resolver = type.createResolver(olderType)
    checkAvsc(type, undefined, plainBodies, plain, program.columns)
    checkAvsc(type, resolver, olderBodies, resolved, program.columns)
    // What is not kept, a compiler may leave out.
    const kept: unknown[] = Array.from({ length: BATCH_RECORDS })
    const keep = (bodies: readonly Buffer[], by?: Resolver) => () => {
      for (let i = 0; i < BATCH_RECORDS; i++) kept[i] = type.fromBuffer(bodies[i]!, by)
    }
    const batch = { calls: callsFor(BATCH_RECORDS) }
    const [ns, one, oldNs, avscNs, avscOldNs] = leastInTurns(size, [
      { ...batch, call: () => plainEngine.stages.decode(BATCH_RECORDS) },
      { calls: callsFor(1), call: () => plainEngine.stages.decode(1) },
      { ...batch, call: () => olderEngine.stages.decode(BATCH_RECORDS) },
      { calls: 2, call: keep(plainBodies) },
      { calls: 2, call: keep(olderBodies, resolver) },
    ]) as [number, number, number, number, number]
    const us = (batchNs: number) => batchNs / BATCH_RECORDS / 1000
    return {
      figures: [
        figure(`batch of ${BATCH_RECORDS}`, us(ns), 'µs'),
        figure('one record', one / 1000, 'µs'),
        figure('older schema', us(oldNs), 'µs'),
        figure('older schema over plain', oldNs / ns, 'times'),
        figure('avsc', us(avscNs), 'µs'),
        figure('avsc, older schema', us(avscOldNs), 'µs'),
        figure('avsc over ours', avscNs / ns, 'times'),
        figure('avsc over ours, older schema', avscOldNs / oldNs, 'times'),
      ],
      checksum: String(checksum),
    }
  },
}

function plainly(values: Application): Given {
  return { values, column: (field) => (values[field] as number | null) ?? Number.NaN }
}

function olderly(application: Application): Given {
  const values = olderApplication(application)
  return { values, column: (field) => olderColumn(values, field) }
}

function bodiesOf(version: SchemaVersion, given: readonly Given[]): Buffer[] {
  const type = avroType(version.json)
  return given.map(({ values }) => type.toBuffer(values))
}

function under({ fingerprint }: SchemaVersion): (body: Buffer) => Uint8Array {
  const header = singleObjectHeader(fingerprint)
  return (body) => Buffer.concat([header, body])
}

/** The checksum of the rows, once each is what was given. */
function checked(engine: Engine, given: readonly Given[], seed?: number): number {
  const { columns } = engine.program
  check(engine.stages.decode(BATCH_RECORDS) === 0, 'every record decodes')
  for (const [row, { column }] of given.entries()) {
    for (const [i, field] of columns.entries()) {
      const expected = column(field)
      const actual = engine.f64[engine.rowsAt / 8 + row * columns.length + i]
      check(Object.is(actual, expected), `row ${row}, ${field} is ${actual}, not ${expected}`)
    }
  }
  const bytes = columns.length * 8 * BATCH_RECORDS
  return fnv1a(engine.u8.subarray(engine.rowsAt, engine.rowsAt + bytes), seed)
}

/** avsc is timed only at what it does right. */
function checkAvsc(
  type: avsc.Type,
  resolver: Resolver | undefined,
  bodies: readonly Buffer[],
  given: readonly Given[],
  columns: readonly string[],
): void {
  for (const [row, body] of bodies.entries()) {
    const values = type.fromBuffer(body, resolver) as Record<string, number | null>
    for (const field of columns) {
      const actual = values[field] ?? Number.NaN
      check(Object.is(actual, given[row]!.column(field)), `avsc: row ${row}, ${field}: ${actual}`)
    }
  }
}
