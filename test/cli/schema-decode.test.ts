// `schema decode` as a user runs it: one line a record, whatever frames it, and what a bad one
// prints in its place.

import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeContainer } from '../../src/applications/container-file.ts'
import { ByteWriter } from '../../src/avro/bytes.ts'
import type { Json } from '../../src/avro/schema.ts'
import { sampleRecord } from '../../src/scorer/warm-up.ts'
import { cli } from '../support/cli.ts'
import { applicationSchema, schemaVersion, withHeader } from '../support/engine.ts'

setDefaultTimeout(30_000)

const folder = mkdtempSync(join(tmpdir(), 'schema-decode-'))
afterAll(() => rmSync(folder, { recursive: true }))

const WRITER: Json = {
  type: 'record',
  name: 'Reading',
  fields: [
    { name: 'id', type: 'long' },
    { name: 'value', type: ['null', 'double', 'string'] },
    { name: 'raw', type: 'bytes' },
    { name: 'tags', type: { type: 'array', items: 'string' } },
  ],
}
const READER: Json = {
  type: 'record',
  name: 'Reading',
  fields: [
    { name: 'value', type: ['double', 'null'] },
    { name: 'id', type: 'double' },
    { name: 'note', type: 'string', default: 'none' },
  ],
}

function file(name: string, content: Uint8Array | string): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

const writer = file('w.avsc', JSON.stringify(WRITER))
const reader = file('r.avsc', JSON.stringify(READER))

function body(id: bigint, value: number): Uint8Array {
  const out = new ByteWriter().long(id).long(1).double(value)
  return out.long(2).raw(Uint8Array.of(1, 0xff)).long(1).string('ä').long(0).take()
}

const FIRST = '{"id":9007199254740993,"value":"NaN","raw":"Af8=","tags":["ä"]}\n'
const SECOND = '{"id":-1,"value":0.5,"raw":"Af8=","tags":["ä"]}\n'
const BODIES = [body(9007199254740993n, Number.NaN), body(-1n, 0.5)]

async function decode(...options: readonly string[]) {
  const { code, out, err } = await cli(['schema', 'decode', ...options])
  return { code, out, errors: err }
}

describe('prints', () => {
  test('bodies one after the other, and where the last ends too early', async () => {
    const input = file('bodies', Buffer.concat([...BODIES, Uint8Array.of(2, 2, 0)]))
    const { code, out } = await decode('-w', writer, '-f', 'raw', '-i', input)
    expect([code, out]).toEqual([0, `${FIRST}${SECOND}{"error":"truncated","byte":3}\n`])
  })

  test('records as another schema has them, in its order, with its defaults', async () => {
    const input = file('bodies', BODIES[1]!)
    const options = ['--writer', writer, '--reader', reader, '--framing', 'raw']
    const { code, out } = await decode(...options, '--input', input)
    expect([code, out]).toEqual([0, '{"value":0.5,"id":-1,"note":"none"}\n'])
  })

  test('lines of hexadecimal, each by itself', async () => {
    const lines = [
      BODIES[1]!.toHex(),
      `${BODIES[1]!.toHex()}00`,
      '0206',
      '80808080808080808080',
      '020003',
      '020002',
      '',
    ]
    const input = file('hex', `${lines.join('\n')}\n`)
    const { code, out } = await decode('-w', writer, '-f', 'raw', '--hex', '-i', input)
    expect(code).toBe(0)
    expect(out.trimEnd().split('\n')).toEqual([
      SECOND.trim(),
      `{"error":"trailing-bytes","byte":${BODIES[1]!.length}}`,
      '{"error":"bad-union-branch","byte":1}',
      '{"error":"varint-overflow","byte":0}',
      '{"error":"length-out-of-range","byte":2}',
      '{"error":"length-out-of-range","byte":2}',
      '{"error":"truncated","byte":0}',
    ])
  })

  test('single-object records by the schema that each names', async () => {
    const known = sampleRecord(applicationSchema)
    const own = withHeader(schemaVersion(WRITER), BODIES[1]!)
    const unknown = Uint8Array.of(0xc3, 1, 1, 2, 3, 4, 5, 6, 7, 8, 9)
    const input = file('objects', Buffer.concat([own, known, unknown]))
    const { code, out } = await decode('--writer', writer, '--input', input)
    const [first, second, third] = out.split('\n')
    expect([code, `${first}\n`]).toEqual([0, SECOND])
    expect(JSON.parse(second!)).toMatchObject({ application_id: 'warm-up', credit_score: 300 })
    expect(third).toBe('{"error":"unknown-schema","byte":2}')
    const noise = await decode('--input', file('noise', 'no Avro'))
    expect([noise.code, noise.out]).toEqual([0, '{"error":"unknown-framing","byte":0}\n'])
  })

  test("a registry's framing", async () => {
    const framed = BODIES.map((bytes) => Uint8Array.from([0, 0, 0, 0, 7, ...bytes]))
    const input = file('framed', Buffer.concat(framed))
    const { code, out } = await decode('-w', writer, '-f', 'registry', '-i', input)
    expect([code, out]).toEqual([0, FIRST + SECOND])
  })

  test.each(['null', 'deflate'] as const)('a container of codec %s', async (codec) => {
    const version = schemaVersion(WRITER)
    const path = join(folder, `${codec}.avro`)
    await writeContainer(
      path,
      version,
      BODIES.map((bytes) => withHeader(version, bytes)),
      codec,
    )
    const { code, out } = await decode('--input', path)
    expect([code, out]).toEqual([0, FIRST + SECOND])
    const read = await decode('--input', path, '--reader', reader, '--framing', 'container')
    expect(read.out.split('\n')[1]).toBe('{"value":0.5,"id":-1,"note":"none"}')
  })
})

describe('refuses', () => {
  const input = file('bodies', BODIES[1]!)
  const other = file(
    'other.avsc',
    '{"type":"record","name":"R","fields":[{"name":"z","type":"int"}]}',
  )
  test.each([
    [['-f', 'raw', '-i', input], '--framing raw needs --writer'],
    [['-w', writer, '-r', other, '-f', 'raw', '-i', input], 'z: is not in the writer'],
    [['-i', join(folder, 'none')], 'cannot read'],
    [['-w', writer, '-f', 'raw', '--hex', '-i', writer], 'line 1: is not hexadecimal'],
    [['-i', input, '-f', 'container'], 'is no Avro object container file'],
    [['-w', other.replace('other', 'lost'), '-f', 'raw', '-i', input], 'lost.avsc'],
  ])('%j', async (options, why) => {
    const { code, out, errors } = await decode(...options)
    expect([code, out]).toEqual([2, ''])
    expect(errors).toContain(why)
  })
})
