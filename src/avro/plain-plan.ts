// Plans of plain values only, as most are: WebAssembly has a shorter way for their records (see
// assembly/decode-plain.ts), which needs each column's bounds, and that no record's fault lets it
// read further than there is memory.

import {
  BOUNDS_BYTES,
  BOUNDS_MAXIMA,
  DECODE_CONSTANT,
  DECODE_DIVIDE,
  DECODE_DOUBLE,
  DECODE_END,
  DECODE_FLOAT,
  DECODE_ID,
  DECODE_INT,
  DECODE_LONG,
  DECODE_MULTIPLY,
  DECODE_NULLABLE_DOUBLE,
  DECODE_NULLABLE_INT,
  DECODE_PLAIN,
  DECODE_SKIP_BYTES,
  DECODE_SKIP_FIXED,
  DECODE_SKIP_VARINT,
  INPUT_PADDING,
} from '../../assembly/layout.ts'
import type { Step } from './decode-steps.ts'

/** Plain steps, with the most bytes that each passes before it looks for the record's end. */
const BYTES_MAX: ReadonlyMap<number, number> = new Map([
  [DECODE_DOUBLE, 8],
  [DECODE_FLOAT, 4],
  [DECODE_INT, 5],
  [DECODE_LONG, 8],
  [DECODE_NULLABLE_DOUBLE, 9],
  [DECODE_NULLABLE_INT, 6],
  [DECODE_ID, 1],
  [DECODE_CONSTANT, 0],
  [DECODE_SKIP_VARINT, 8],
  [DECODE_SKIP_BYTES, 1],
  [DECODE_SKIP_FIXED, 0],
  [DECODE_MULTIPLY, 0],
  [DECODE_DIVIDE, 0],
  [DECODE_END, 0],
])

/** Steps that store a value which has bounds. */
const BOUNDED: ReadonlySet<number> = new Set([
  DECODE_DOUBLE,
  DECODE_FLOAT,
  DECODE_INT,
  DECODE_LONG,
  DECODE_NULLABLE_DOUBLE,
  DECODE_NULLABLE_INT,
])

/** A value is read as a word of eight bytes. */
const WORD_BYTES = 8
/** Bytes of a column, and of two. */
const COLUMN_BYTES = 8
const PAIR_BYTES = 2 * COLUMN_BYTES

/**
 * The step that says of a plan that it is plain, to go before the others.
 *
 * @returns undefined where the plan is not plain, or its records could be too long for it
 */
export function plainStep(steps: readonly Step[]): Step | undefined {
  let bytes = WORD_BYTES
  for (const { code, argument = 0 } of steps) {
    const most = BYTES_MAX.get(code)
    if (most === undefined) return undefined
    bytes += code === DECODE_SKIP_FIXED ? argument : most
  }
  if (bytes > INPUT_PADDING) return undefined
  const stored = steps.filter(({ column }) => column !== undefined)
  const row = Math.max(0, ...stored.map(({ column = 0 }) => column + COLUMN_BYTES))
  return { code: DECODE_PLAIN, field: 0, column: row, table: boundsOf(steps, row) }
}

/** What has no bounds, as a constant, is within all of them. */
function boundsOf(steps: readonly Step[], row: number): Uint8Array {
  const pairs = Math.ceil(row / PAIR_BYTES)
  const table = new DataView(new ArrayBuffer(pairs * BOUNDS_BYTES))
  const set = (column: number, minimum: number, maximum: number) => {
    const at = Math.floor(column / PAIR_BYTES) * BOUNDS_BYTES + (column % PAIR_BYTES)
    table.setFloat64(at, minimum, true)
    table.setFloat64(at + BOUNDS_MAXIMA, maximum, true)
  }
  for (let i = 0; i < 2 * pairs; i++) set(i * COLUMN_BYTES, -Infinity, Infinity)
  for (const { code, column = 0, minimum = 0, maximum = 0 } of steps) {
    if (BOUNDED.has(code)) set(column, minimum, maximum)
  }
  return new Uint8Array(table.buffer)
}
