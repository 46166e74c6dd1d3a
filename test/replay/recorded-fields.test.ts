// Fields of a decision read from its bytes, against avsc, which reads all of them.

import { expect, test } from 'bun:test'
import avsc from 'avsc'
import { type Json } from '../../src/avro/schema.ts'
import { RecordedReader } from '../../src/replay/recorded-fields.ts'
import {
  decisionSchema,
  randomFrom,
  refusal,
  schemaVersion,
  withHeader,
} from '../support/engine.ts'

/** The decision's own schema with fields of every other kind in front. */
const WIDER = schemaVersion({
  ...(decisionSchema.json as { [key: string]: Json }),
  fields: [
    { name: 'more', type: ['null', 'boolean', { type: 'map', values: 'float' }, 'bytes'] },
    { name: 'list', type: { type: 'array', items: { type: 'array', items: 'int' } } },
    ...((decisionSchema.json as { [key: string]: Json })['fields'] as Json[]),
  ],
})

test.each([['the shipped schema', decisionSchema] as const, ['a wider one', WIDER] as const])(
  'of %s',
  (_, version) => {
    const type = avsc.Type.forSchema(version.json as avsc.Schema)
    const reader = new RecordedReader(version)
    const random = randomFrom(9)
    for (let i = 0; i < 500; i++) {
      const value = type.random() as unknown as Record<string, unknown>
      value['topic'] = 'é'.repeat(Math.floor(random() * 90))
      value['partition'] = Math.floor(random() * 2 ** 31)
      value['offset'] = Math.floor(random() * 2 ** 52)
      const bytes = withHeader(version, type.toBuffer(value))
      expect(reader.owns(bytes)).toBe(true)
      const { modelAt, policyAt, topicAt, topicBytes, ...place } = reader.read(bytes)!
      expect(place).toEqual({
        partition: value['partition'] as number,
        recordOffset: value['offset'] as number,
      })
      const part = (at: number, length: number) => Buffer.from(bytes.subarray(at, at + length))
      expect(part(modelAt, 32).equals(value['model'] as Buffer)).toBe(true)
      expect(part(policyAt, 32).equals(value['policy'] as Buffer)).toBe(true)
      expect(part(topicAt, topicBytes).toString()).toBe(value['topic'] as string)
      // One byte more or less is no decision.
      expect(reader.read(bytes.subarray(0, -1))).toBeUndefined()
      expect(reader.read(Buffer.concat([bytes, new Uint8Array(1)]))).toBeUndefined()
    }
  },
)

test('bytes of any kind are read to an end', () => {
  const reader = new RecordedReader(WIDER)
  const random = randomFrom(11)
  for (let i = 0; i < 5000; i++) {
    const body = Uint8Array.from({ length: Math.floor(random() * 60) }, () => random() * 256)
    expect(reader.read(withHeader(WIDER, body))).toBeUndefined()
  }
})

test('a schema whose decisions do not name their input is refused', () => {
  const version = schemaVersion({ type: 'record', name: 'D', fields: [] })
  expect(refusal(() => new RecordedReader(version)).message).toContain('has no field model')
})
