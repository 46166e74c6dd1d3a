// Decode: records that avsc wrote arrive in the row as avsc itself reads them.

import { describe, expect, test } from 'bun:test'
import fc from 'fast-check'
import { STATUS_IMPOSSIBLE_VALUE, STATUS_OK } from '../../assembly/layout.ts'
import type { SchemaVersion } from '../../src/avro/schema-files.ts'
import type { Json } from '../../src/avro/schema.ts'
import {
  decode,
  doubleOf,
  draws,
  engineOf,
  fieldOf,
  idOf,
  programOf,
  randomFrom,
  rowOf,
  schemaVersion,
  withHeader,
} from '../support/engine.ts'
import { RecordMaker, avscType, numberOf, sameRow } from './random-records.ts'
import { referenceDecode } from './reference-decoder.ts'

describe('random schemas and values', () => {
  const SCHEMAS = 60
  const RECORDS = 40

  /** Draws schemas, writes records, decodes them in one batch and shows each to `check`. */
  function decodeRandom(
    start: number,
    check: (
      made: ReturnType<RecordMaker['record']>,
      read: { row: Record<string, number>; id: string },
      writer: SchemaVersion,
      reader: SchemaVersion,
    ) => void,
  ): void {
    const maker = new RecordMaker(randomFrom(start))
    const versions = maker.versions(3)
    const reader = versions[versions.length - 1]!
    const program = programOf({ applications: versions })
    expect(program.writers.map((writer) => writer.refusal).join('')).toBe('')
    const engine = engineOf(program, RECORDS, 1 << 20)
    const batch = Array.from({ length: RECORDS }, () => {
      const writer = maker.pick(versions)
      return { writer, made: maker.record(writer, reader) }
    })
    // Whatever a row held before must not show through.
    engine.f64.fill(-12345, engine.rowsAt / 8, engine.rowsAt / 8 + RECORDS * program.columns.length)
    const statuses = decode(
      engine,
      batch.map(({ made }) => made.bytes),
    )
    for (const [i, { writer, made }] of batch.entries()) {
      expect(statuses[i]).toEqual({ code: STATUS_OK, field: 0 })
      const id = new TextDecoder('utf-8', { ignoreBOM: true }).decode(idOf(engine, i))
      check(made, { row: rowOf(engine, i), id }, writer, reader)
    }
  }

  test('a row holds the values that were written, by whichever schema of the batch', () => {
    fc.assert(
      fc.property(fc.integer(), (start) => {
        decodeRandom(start, (made, read) => {
          expect(sameRow(made.row, read.row) ? made.row : read.row).toEqual(made.row)
          expect(read.id).toBe(made.id)
        })
      }),
      draws(SCHEMAS),
    )
  })

  /**
   * A nullable writer for a reader without null: avsc refuses the pair, here only a record with
   * null is. Specification: "if the reader's schema matches the selected writer's schema".
   */
  function avscRefuses(writer: SchemaVersion, reader: SchemaVersion): boolean {
    return writer.schema.fields.some(({ name, schema }) => {
      const target = reader.schema.fields.find((f) => f.name === name.replace('old_', ''))
      return name.includes('n') && schema.kind === 'union' && target?.schema.kind === 'primitive'
    })
  }

  test("avsc's own resolution of writer and reader gives the same numbers", () => {
    fc.assert(
      fc.property(fc.integer(), (start) => {
        decodeRandom(start, (made, read, writer, reader) => {
          if (avscRefuses(writer, reader)) return
          const type = avscType(reader.json)
          const resolver = type.createResolver(avscType(writer.json))
          const value = type.fromBuffer(Buffer.from(made.bytes.subarray(10)), resolver) as {
            [name: string]: unknown
          }
          for (const [name, column] of Object.entries(read.row)) {
            // avsc promotes longs through 53 bits and loses even their sign.
            if (Math.abs(column) >= 2 ** 52) continue
            // Nor does it round to the float that the value becomes.
            const number = numberOf(value[name])
            const isSame = Object.is(number, column) || Object.is(Math.fround(number), column)
            expect(isSame ? '' : name).toBe('')
          }
        })
      }),
      draws(SCHEMAS),
    )
  })

  test('the reference decoder of these tests reads them the same', () => {
    fc.assert(
      fc.property(fc.integer(), (start) => {
        const maker = new RecordMaker(randomFrom(start))
        const versions = maker.versions(2)
        const made = maker.record(versions[0]!, versions[versions.length - 1]!)
        const decoded = referenceDecode(made.bytes, versions)
        expect(decoded.code).toBe(STATUS_OK)
        expect(sameRow(decoded.row, made.row)).toBeTrue()
      }),
      draws(200),
    )
  })
})

describe('values that no application can have', () => {
  const NAN_PAYLOADS = [
    0x7ff8000000000000n,
    0x7ff0000000000001n,
    0xfff8000000000000n,
    0xffffffffffffffffn,
  ]

  function applicationOf(type: Json, bounds: { [key: string]: Json } = {}): SchemaVersion {
    return schemaVersion({
      type: 'record',
      name: 'LoanApplication',
      fields: [
        { name: 'application_id', type: 'string' },
        { name: 'x', type, ...bounds },
      ],
    })
  }

  function statusFor(version: SchemaVersion, value: Uint8Array) {
    const engine = engineOf(programOf({ applications: [version] }), 1, 1024)
    const body = new Uint8Array([2, 0x61, ...value])
    const [status] = decode(engine, [withHeader(version, body)])
    return { code: status!.code, field: fieldOf(engine, 0), x: rowOf(engine, 0)['x'] }
  }

  function doubleBytes(value: number, bits?: bigint): Uint8Array {
    const view = new DataView(new ArrayBuffer(8))
    if (bits === undefined) view.setFloat64(0, value, true)
    else view.setBigUint64(0, bits, true)
    return new Uint8Array(view.buffer)
  }

  function floatBytes(value: number): Uint8Array {
    const view = new DataView(new ArrayBuffer(4))
    view.setFloat32(0, value, true)
    return new Uint8Array(view.buffer)
  }

  test.each(NAN_PAYLOADS)('the NaN %x as a double, in or out of a union', (bits) => {
    const bytes = doubleBytes(0, bits)
    const impossible = { code: STATUS_IMPOSSIBLE_VALUE, field: 'x' }
    expect(statusFor(applicationOf('double'), bytes)).toMatchObject(impossible)
    const nullable = applicationOf(['null', 'double'])
    expect(statusFor(nullable, new Uint8Array([2, ...bytes]))).toMatchObject(impossible)
  })

  test.each([Number.NaN, Infinity, -Infinity])('%p as a double or float', (value) => {
    const impossible = { code: STATUS_IMPOSSIBLE_VALUE, field: 'x' }
    expect(statusFor(applicationOf('double'), doubleBytes(value))).toMatchObject(impossible)
    expect(statusFor(applicationOf('float'), floatBytes(value))).toMatchObject(impossible)
    const nullable = applicationOf(['float', 'null'])
    expect(statusFor(nullable, new Uint8Array([0, ...floatBytes(value)]))).toMatchObject(impossible)
  })

  const BOUNDS: [bounds: { [key: string]: Json }, inside: number[], outside: number[]][] = [
    [{ minimum: 0 }, [0, -0, 5e-324, Number.MAX_VALUE], [-5e-324, -1]],
    [{ exclusiveMinimum: 0 }, [5e-324], [0, -0, -5e-324]],
    [{ maximum: 1 }, [1, -Number.MAX_VALUE], [1.0000000000000002]],
    [{ exclusiveMaximum: 1 }, [0.9999999999999999], [1]],
    [{ minimum: 300, maximum: 850 }, [300, 850, 500.5], [299.99999999999994, 850.0000000000001]],
    [{ minimum: 7, maximum: 7 }, [7], [6.999999999999999, 7.000000000000001]],
  ]
  test.each(BOUNDS)('%j: %p is inside, %p outside', (bounds, inside, outside) => {
    const version = applicationOf('double', bounds)
    for (const value of inside) {
      const read = statusFor(version, doubleBytes(value))
      expect([read.code, Object.is(read.x, value)]).toEqual([STATUS_OK, true])
    }
    for (const value of outside) {
      expect(statusFor(version, doubleBytes(value))).toMatchObject({
        code: STATUS_IMPOSSIBLE_VALUE,
        field: 'x',
      })
    }
  })

  // The float nearest to 0.1 is 0.10000000149011612.
  test('a float on its bound is inside', () => {
    expect(statusFor(applicationOf('float', { maximum: 0.1 }), floatBytes(0.1)).code).toBe(
      STATUS_OK,
    )
  })

  test('null has no bounds', () => {
    const version = applicationOf(['null', 'double'], { minimum: 1 })
    const read = statusFor(version, new Uint8Array([0]))
    expect([read.code, read.x]).toEqual([STATUS_OK, Number.NaN])
  })

  test('a boolean of another byte than 0 and 1', () => {
    const version = applicationOf('boolean')
    for (const byte of [2, 0x7f, 0x80, 0xff]) {
      expect(statusFor(version, Uint8Array.of(byte)).code).toBe(STATUS_IMPOSSIBLE_VALUE)
    }
  })

  test('subnormals and the smallest float arrive as they are', () => {
    const version = applicationOf('double')
    for (const bits of [1n, 0x000fffffffffffffn, 0x8000000000000001n, 0x8000000000000000n]) {
      const read = statusFor(version, doubleBytes(0, bits))
      expect([read.code, Object.is(read.x, doubleOf(bits))]).toEqual([STATUS_OK, true])
    }
    expect(statusFor(applicationOf('float'), floatBytes(1e-45)).x).toBe(1.401298464324817e-45)
  })
})
