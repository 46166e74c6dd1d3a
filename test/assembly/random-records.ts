// Random pairs of writer and reader schemas that resolve, with random values: what avsc is given to
// write, and what must stand in the reader's columns.

import avsc from 'avsc'
import type { SchemaVersion } from '../../src/avro/schema-files.ts'
import type { Json, Schema } from '../../src/avro/schema.ts'
import { bitsOf, doubleOf, schemaVersion, withHeader } from '../support/engine.ts'

type JsonField = { [key: string]: Json }
type Numeric = 'boolean' | 'int' | 'long' | 'float' | 'double'

/** What a reader's type may have been written as: specification, "Schema Resolution". */
const WRITTEN_AS: Readonly<{ [type in Numeric]: readonly Numeric[] }> = {
  boolean: ['boolean'],
  int: ['int'],
  long: ['int', 'long'],
  float: ['int', 'long', 'float'],
  double: ['int', 'long', 'float', 'double'],
}
const NUMERIC = Object.keys(WRITTEN_AS) as Numeric[]

const INT_EDGES = [0, 1, -1, 63, 64, -64, -65, 8191, 8192, -8192, -8193, 1048575, 1048576]
const INTS = [...INT_EDGES, 134217727, 134217728, 2147483647, -2147483648, 2147483646]
const LONGS = [
  ...INTS.map(BigInt),
  ...[33n, 34n, 35n, 41n, 48n, 52n, 53n, 54n, 55n, 62n].flatMap((bit) => [
    (1n << bit) - 1n,
    1n << bit,
    (1n << bit) + 1n,
    -(1n << bit),
    -(1n << bit) - 1n,
  ]),
  9223372036854775807n,
  -9223372036854775808n,
  -9223372036854775807n,
]
const DOUBLES = [
  0,
  -0,
  5e-324,
  -5e-324,
  2.2250738585072014e-308,
  2.225073858507201e-308,
  1.0000000180025095e-35,
  0.1,
  Number.MAX_VALUE,
  -Number.MAX_VALUE,
  2 ** 53,
  1e300,
]
const FLOATS = [0, -0, 1.401298464324817e-45, 3.4028234663852886e38, -3.4028234663852886e38, 0.5]
const STRINGS = ['', 'a', 'äöü€😀', 'x'.repeat(63), 'y'.repeat(64), 'z'.repeat(300), '\u0000']

/** A value as avsc writes it, and the double that the row must hold. */
type Value = { avro: unknown; column: number }

/** avsc with longs of all 64 bits, as bigint. */
const longType = avsc.types.LongType.__with({
  fromBuffer: (bytes: Buffer) => bytes.readBigInt64LE(),
  toBuffer: (value: bigint) => {
    const bytes = Buffer.alloc(8)
    bytes.writeBigInt64LE(value)
    return bytes
  },
  fromJSON: BigInt,
  toJSON: Number,
  isValid: (value: unknown) => typeof value === 'bigint',
  compare: (a: bigint, b: bigint) => (a < b ? -1 : Number(a > b)),
})

/** avsc's type of a schema: unions wrapped, longs as bigint. */
export function avscType(json: Json): avsc.Type {
  return avsc.Type.forSchema(json as avsc.Schema, {
    wrapUnions: 'always',
    registry: { long: longType },
  })
}

/** The number that avsc read, whatever it wrapped it in; NaN for null. */
export function numberOf(value: unknown): number {
  if (value === null) return Number.NaN
  if (typeof value === 'object') return numberOf(Object.values(value)[0])
  return Number(value)
}

export class RecordMaker {
  private readonly random: () => number
  private names = 0

  constructor(random: () => number) {
    this.random = random
  }

  below(bound: number): number {
    return Math.floor(this.random() * bound)
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!
  }

  /** A reader with some numeric fields, and a few writers that it can read. */
  versions(writerCount: number): SchemaVersion[] {
    const reader = this.reader()
    const writers = Array.from({ length: writerCount }, () => this.writer(reader))
    const fingerprints = new Set<bigint>()
    return [...writers, reader]
      .reverse()
      .map((json, i) => schemaVersion(json, writerCount + 1 - i))
      .filter(({ fingerprint }) => {
        if (fingerprints.has(fingerprint)) return false
        fingerprints.add(fingerprint)
        return true
      })
      .reverse()
  }

  private reader(): Json {
    const fields: JsonField[] = [{ name: 'application_id', type: 'string', aliases: ['id'] }]
    const count = 1 + this.below(6)
    for (let i = 0; i < count; i++) {
      const type = this.pick(NUMERIC)
      const form = this.below(3)
      const field: JsonField = { name: `n${i}`, aliases: [`old_n${i}`], type }
      if (form === 1) Object.assign(field, { type: ['null', type], default: null })
      if (form === 2) Object.assign(field, { type: [type, 'null'] })
      if (form !== 1 && this.below(2)) field['default'] = type === 'boolean' ? true : this.below(99)
      if (type === 'float' && 'default' in field && field['default'] !== null)
        field['default'] = 0.5
      fields.push(field)
    }
    // Records and unions of the reader's own could hold numbers, which would be columns.
    for (let i = this.below(3); i > 0; i--) fields.push(this.extra(`s${i}`, 2))
    return this.application(this.shuffled(fields))
  }

  /** A schema whose records the reader can read: other order, types, names, and fields of its own. */
  private writer(reader: Json): Json {
    const fields: JsonField[] = []
    for (const field of (reader as { fields: JsonField[] }).fields) {
      const name = field['name'] as string
      if (name === 'application_id') {
        fields.push({
          name: this.pick(['application_id', 'id']),
          type: this.pick(['string', 'bytes']),
        })
      } else if (!name.startsWith('n')) {
        fields.push(field)
      } else if (!('default' in field) || this.below(4) > 0) {
        fields.push({
          name: this.pick([name, name, `old_${name}`]),
          type: this.written(field['type']!),
        })
      }
    }
    for (let i = this.below(4); i > 0; i--) fields.push(this.extra(`x${i}`, 0))
    return this.application(this.shuffled(fields))
  }

  private written(type: Json): Json {
    const isNullable = Array.isArray(type)
    const name = (isNullable ? type.find((branch) => branch !== 'null') : type) as Numeric
    const written = this.pick(WRITTEN_AS[name])
    return this.pick<Json>([written, ['null', written], [written, 'null']])
  }

  /** A field that is no column. */
  private extra(name: string, depth: number): JsonField {
    return { name, type: this.extraType(depth) }
  }

  private extraType(depth: number): Json {
    switch (this.below(depth > 1 ? 9 : 11)) {
      case 0:
        return {
          type: 'fixed',
          name: `F${this.names++}`,
          size: this.pick([0, 1, 5, 16, 17, 64, 65]),
        }
      case 1: {
        const symbols = Array.from({ length: this.pick([1, 2, 65]) }, (_, i) => `S${i}`)
        return { type: 'enum', name: `E${this.names++}`, symbols }
      }
      case 9: {
        const fixed = { type: 'fixed', name: `F${this.names++}`, size: 3 }
        const all: Json[] = [
          'null',
          'boolean',
          'int',
          'long',
          'float',
          'double',
          'bytes',
          'string',
          fixed,
        ]
        return this.shuffled(all).slice(0, 1 + this.below(all.length))
      }
      case 10: {
        const fields = Array.from({ length: this.below(4) }, (_, i) => ({
          name: `g${i}`,
          type: this.extraType(depth + 1),
        }))
        return { type: 'record', name: `R${this.names++}`, fields }
      }
      default:
        return this.pick(['null', 'bytes', 'string'])
    }
  }

  private application(fields: JsonField[]): Json {
    return { type: 'record', name: 'LoanApplication', fields }
  }

  private shuffled<T>(items: readonly T[]): T[] {
    const result = [...items]
    for (let i = result.length - 1; i > 0; i--) {
      const j = this.below(i + 1)
      ;[result[i], result[j]] = [result[j]!, result[i]!]
    }
    return result
  }

  /** A record of the writer: its bytes, and its columns by the reader's names. */
  record(
    writer: SchemaVersion,
    reader: SchemaVersion,
  ): { bytes: Uint8Array; row: Record<string, number>; id: string } {
    const value: { [name: string]: unknown } = {}
    const row: Record<string, number> = {}
    const id = this.pick(STRINGS.slice(1)) + this.below(1000)
    for (const field of reader.schema.fields) {
      if (field.default !== undefined) {
        const value = field.default === null ? Number.NaN : Number(field.default)
        row[field.name] = isFloat(field.schema) ? Math.fround(value) : value
      }
    }
    for (const { name, type } of (writer.json as { fields: { name: string; type: Json }[] })
      .fields) {
      const target = name.replace('old_', '')
      if (name === 'id' || name === 'application_id') {
        value[name] = type === 'bytes' ? Buffer.from(id) : id
      } else if (target.startsWith('n')) {
        const field = reader.schema.fields.find((f) => f.name === target)!
        const made = this.columnValue(type, field.schema.kind === 'union')
        value[name] = made.avro
        row[target] = isFloat(field.schema) ? floatOf(made.column, made.avro) : made.column
      } else {
        value[name] = this.extraValue(type)
      }
    }
    const columns = reader.schema.fields.map((f) => f.name).filter((name) => name.startsWith('n'))
    return {
      bytes: withHeader(writer, avscType(writer.json).toBuffer(value)),
      row: Object.fromEntries(columns.map((name) => [name, row[name]!])),
      id,
    }
  }

  private columnValue(type: Json, nullAllowed: boolean): Value {
    if (!Array.isArray(type)) return this.number(type as Numeric)
    if (nullAllowed && this.below(3) === 0) return { avro: null, column: Number.NaN }
    const name = type.find((branch) => branch !== 'null') as Numeric
    const { avro, column } = this.number(name)
    return { avro: { [name]: avro }, column }
  }

  private number(type: Numeric): Value {
    switch (type) {
      case 'boolean': {
        const value = this.below(2) === 1
        return { avro: value, column: Number(value) }
      }
      case 'int': {
        const value = this.below(2) ? this.pick(INTS) : this.below(2 ** 32) - 2 ** 31
        return { avro: value, column: value }
      }
      case 'long': {
        const drawn = BigInt.asIntN(64, this.bits() >> BigInt(this.below(64)))
        const value = this.below(2) ? this.pick(LONGS) : drawn
        return { avro: value, column: Number(value) }
      }
      case 'float': {
        const value = this.below(2) ? this.pick(FLOATS) : this.finite(Math.fround)
        return { avro: value, column: value }
      }
      case 'double': {
        const value = this.below(2) ? this.pick(DOUBLES) : this.finite((x) => x)
        return { avro: value, column: value }
      }
    }
  }

  private bits(): bigint {
    return (BigInt(this.below(2 ** 32)) << 32n) | BigInt(this.below(2 ** 32))
  }

  private finite(round: (x: number) => number): number {
    for (;;) {
      const value = round(doubleOf(this.bits()))
      if (Number.isFinite(value)) return value
    }
  }

  private extraValue(type: Json): unknown {
    if (Array.isArray(type)) {
      const branch = this.pick(type)
      if (branch === 'null') return null
      const name = typeof branch === 'string' ? branch : (branch as { name: string }).name
      return { [name]: this.extraValue(branch) }
    }
    if (typeof type === 'string') return this.primitiveValue(type)
    const definition = type as {
      type: string
      size: number
      symbols: string[]
      fields: JsonField[]
    }
    if (definition.type === 'fixed') return Buffer.alloc(definition.size, this.below(256))
    if (definition.type === 'enum') return this.pick(definition.symbols)
    const values = definition.fields.map((f) => [f['name'], this.extraValue(f['type']!)])
    return Object.fromEntries(values) as unknown
  }

  private primitiveValue(type: string): unknown {
    if (type === 'null') return null
    if (type === 'string') return this.pick(STRINGS)
    if (type === 'bytes') return Buffer.alloc(this.pick([0, 1, 63, 64, 200]), this.below(256))
    return this.number(type as Numeric).avro
  }
}

/** Whether a column of the type holds floats. */
function isFloat(schema: Schema): boolean {
  if (schema.kind === 'union') return schema.branches.some(isFloat)
  return schema.kind === 'primitive' && schema.type === 'float'
}

/** A value as a float; a long is rounded once, not first to a double. */
function floatOf(column: number, avro: unknown): number {
  const value = typeof avro === 'object' && avro !== null ? Object.values(avro)[0] : avro
  return typeof value === 'bigint' ? floatOfLong(value) : Math.fround(column)
}

/** The float nearest to a long; of two as near the one that ends in a 0 bit. */
function floatOfLong(value: bigint): number {
  const float = Math.fround(Number(value))
  const exact = BigInt(float)
  // Rounding twice goes wrong where the double lies half-way between two floats and the long does
  // not.
  const neighbours = [float, nextFloat(float, 1), nextFloat(float, -1)]
  const distance = (x: number) => {
    const d = BigInt(x) - value
    return d < 0n ? -d : d
  }
  if (exact === value) return float
  const best = neighbours.reduce((a, b) => (distance(b) < distance(a) ? b : a))
  const ties = neighbours.filter((x) => distance(x) === distance(best))
  return ties.length === 1 ? best : ties.find((x) => floatBits(x) % 2 === 0)!
}

function floatBits(x: number): number {
  return new Uint32Array(Float32Array.of(x).buffer)[0]!
}

function nextFloat(x: number, by: number): number {
  return new Float32Array(Uint32Array.of(floatBits(x) + by).buffer)[0]!
}

/** Whether two rows hold the same doubles, bit for bit but for which NaN. */
export function sameRow(a: Record<string, number>, b: Record<string, number>): boolean {
  const names = Object.keys(a)
  return (
    names.length === Object.keys(b).length &&
    names.every((name) => name in b && sameDouble(a[name]!, b[name]!))
  )
}

function sameDouble(a: number, b: number): boolean {
  return bitsOf(a) === bitsOf(b) || (Number.isNaN(a) && Number.isNaN(b))
}
