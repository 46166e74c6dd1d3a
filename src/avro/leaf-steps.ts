// Steps of values that hold no other: which one reads a number, which one only looks whether the
// value is good, and which one passes it.

import {
  DECIMAL_BYTES_MAX,
  DECIMAL_SCALE_MAX,
  DECODE_BOOLEAN,
  DECODE_CHECK_BOOLEAN,
  DECODE_CHECK_INT,
  DECODE_DECIMAL_BYTES,
  DECODE_DECIMAL_FIXED,
  DECODE_DOUBLE,
  DECODE_ENUM,
  DECODE_FLOAT,
  DECODE_INT,
  DECODE_INT_AS_FLOAT,
  DECODE_LONG,
  DECODE_LONG_AS_FLOAT,
  DECODE_NULLABLE,
  DECODE_NULLABLE_DOUBLE,
  DECODE_NULLABLE_INT,
  DECODE_SKIP_BOOLEAN,
  DECODE_SKIP_BYTES,
  DECODE_SKIP_ENUM,
  DECODE_SKIP_FIXED,
  DECODE_SKIP_NOTHING,
  DECODE_SKIP_VARINT,
  DECODE_TIME,
  NO_COLUMN,
  NO_SYMBOL,
  TIME_BYTES,
  TIME_DIVISOR,
  TIME_MULTIPLIER,
  TIME_VARINT_BYTES,
} from '../../assembly/layout.ts'
import type { Step } from './decode-steps.ts'
import { matchSymbols } from './resolution.ts'
import { type Enum, type PrimitiveName, type Schema, typeName } from './schema.ts'
import { type Conversion, conversionOf } from './time-units.ts'

type Leaf = Omit<Step, 'field' | 'block'>

/** Steps that a branch of a union may be: they hold no other and fill no column. */
const PLAIN: ReadonlySet<number> = new Set([
  DECODE_SKIP_NOTHING,
  DECODE_SKIP_BOOLEAN,
  DECODE_SKIP_VARINT,
  DECODE_SKIP_FIXED,
  DECODE_SKIP_BYTES,
  DECODE_SKIP_ENUM,
])

export function isPlain({ code }: Step): boolean {
  return PLAIN.has(code)
}

/** The step that makes a column of the value, or why there is none. */
export function numberStep(writer: Schema, reader: Schema): Leaf | string {
  const no = `${typeName(writer)} is not read as a number`
  const conversion = conversionOf(writer, reader)
  if (conversion) return timeStep(writer, conversion)
  if (writer.kind === 'enum' && reader.kind === 'enum') return enumStep(writer, reader)
  const decimal = decimalOf(writer) ?? decimalOf(reader)
  if (decimal) return decimalStep(writer, decimal.scale)
  if (writer.kind !== 'primitive' || reader.kind !== 'primitive') return no
  const code = numberCode(writer.type, reader.type === 'float')
  return code === undefined ? no : { code }
}

/** The step of a number that may be null beside it, where there is one. */
export function nullableStep(code: number): number | undefined {
  switch (code) {
    case DECODE_DOUBLE:
      return DECODE_NULLABLE_DOUBLE
    case DECODE_INT:
      return DECODE_NULLABLE_INT
    case DECODE_TIME:
    case DECODE_ENUM:
    case DECODE_DECIMAL_BYTES:
    case DECODE_DECIMAL_FIXED:
      return undefined
    default:
      return DECODE_NULLABLE
  }
}

/** The step of a value that the reader has and no column wants: it must be good all the same. */
export function checkStep(writer: Schema, reader: Schema): Leaf {
  const conversion = conversionOf(writer, reader)
  if (conversion) return { ...timeStep(writer, conversion), column: NO_COLUMN }
  if (writer.kind === 'enum' && reader.kind === 'enum') {
    const isComplete = !matchSymbols(writer, reader).includes(undefined)
    return isComplete ? skipStep(writer) : { ...enumStep(writer, reader), column: NO_COLUMN }
  }
  if (writer.kind === 'primitive' && writer.type === 'boolean')
    return { code: DECODE_CHECK_BOOLEAN }
  if (writer.kind === 'primitive' && writer.type === 'int') return { code: DECODE_CHECK_INT }
  return skipStep(writer)
}

export function skipStep(schema: Schema): Leaf {
  switch (schema.kind) {
    case 'primitive':
      return skipPrimitive(schema.type)
    case 'enum':
      return { code: DECODE_SKIP_ENUM, argument: schema.symbols.length }
    case 'fixed':
      return { code: DECODE_SKIP_FIXED, argument: schema.size }
    default:
      throw new Error(`assertion failed: ${schema.kind} holds other values`)
  }
}

function skipPrimitive(type: PrimitiveName): Leaf {
  switch (type) {
    case 'null':
      return { code: DECODE_SKIP_NOTHING }
    case 'boolean':
      return { code: DECODE_SKIP_BOOLEAN }
    case 'int':
    case 'long':
      return { code: DECODE_SKIP_VARINT }
    case 'float':
      return { code: DECODE_SKIP_FIXED, argument: 4 }
    case 'double':
      return { code: DECODE_SKIP_FIXED, argument: 8 }
    case 'bytes':
    case 'string':
      return { code: DECODE_SKIP_BYTES }
  }
}

function numberCode(type: PrimitiveName, isFloat: boolean): number | undefined {
  switch (type) {
    case 'double':
      return DECODE_DOUBLE
    case 'float':
      return DECODE_FLOAT
    case 'int':
      return isFloat ? DECODE_INT_AS_FLOAT : DECODE_INT
    case 'long':
      return isFloat ? DECODE_LONG_AS_FLOAT : DECODE_LONG
    case 'boolean':
      return DECODE_BOOLEAN
    default:
      return undefined
  }
}

function decimalOf(schema: Schema): { scale: number } | undefined {
  return schema.kind === 'primitive' || schema.kind === 'fixed' ? schema.decimal : undefined
}

/** The writer's scale counts: it says what the number is, whatever the reader writes itself. */
function decimalStep(writer: Schema, scale: number): Leaf | string {
  if (scale > DECIMAL_SCALE_MAX) {
    return `a decimal of scale ${scale} is no number here, at most ${DECIMAL_SCALE_MAX}`
  }
  if (writer.kind !== 'fixed') return { code: DECODE_DECIMAL_BYTES, argument: scale }
  const { size } = writer
  if (size >= 1 && size <= DECIMAL_BYTES_MAX) {
    return { code: DECODE_DECIMAL_FIXED, argument: scale | (size << 8) }
  }
  return `a decimal of ${size} bytes is no number here, 1 to ${DECIMAL_BYTES_MAX} are`
}

function enumStep(writer: Enum, reader: Enum): Leaf {
  const symbols = matchSymbols(writer, reader).map((symbol) => symbol ?? NO_SYMBOL)
  const table = new DataView(new ArrayBuffer(4 * (symbols.length + 1)))
  for (const [i, value] of [symbols.length, ...symbols].entries()) {
    table.setUint32(i * 4, value, true)
  }
  return { code: DECODE_ENUM, table: new Uint8Array(table.buffer) }
}

function timeStep(writer: Schema, { multiplier, divisor }: Conversion): Leaf {
  const table = new DataView(new ArrayBuffer(TIME_BYTES))
  const isInt = writer.kind === 'primitive' && writer.type === 'int'
  table.setBigUint64(TIME_MULTIPLIER, multiplier, true)
  table.setBigUint64(TIME_DIVISOR, divisor, true)
  table.setUint32(TIME_VARINT_BYTES, isInt ? 5 : 10, true)
  return { code: DECODE_TIME, table: new Uint8Array(table.buffer) }
}
