// Universal Binary JSON as far as XGBoost writes it: lengths are always int64 (L), objects have no
// count, arrays have a count or a count and a type. Source: XGBoost, UBJReader and UBJWriter
// (src/common/json.cc); ubjson.org, type reference.

import { usageError } from '../errors.ts'

const MARK_OBJECT = 0x7b // {
const MARK_OBJECT_END = 0x7d // }
const MARK_ARRAY = 0x5b // [
const MARK_ARRAY_END = 0x5d // ]
const MARK_TYPE = 0x24 // $
const MARK_COUNT = 0x23 // #
const MARK_INT64 = 0x4c // L
const MARK_STRING = 0x53 // S
const MARK_NULL = 0x5a // Z
const MARK_TRUE = 0x54 // T
const MARK_FALSE = 0x46 // F

/** Levels of objects and arrays; XGBoost's models have ten. */
const DEPTH_MAX = 64

/** Bytes of each type of number, and how to read one. */
const NUMBERS: ReadonlyMap<
  number,
  { bytes: number; read: (view: DataView, at: number) => number }
> = new Map([
  [0x69, { bytes: 1, read: (view, at) => view.getInt8(at) }], // i
  [0x55, { bytes: 1, read: (view, at) => view.getUint8(at) }], // U
  [0x49, { bytes: 2, read: (view, at) => view.getInt16(at) }], // I
  [0x6c, { bytes: 4, read: (view, at) => view.getInt32(at) }], // l
  [MARK_INT64, { bytes: 8, read: (view, at) => Number(view.getBigInt64(at)) }],
  [0x64, { bytes: 4, read: (view, at) => view.getFloat32(at) }], // d
  [0x44, { bytes: 8, read: (view, at) => view.getFloat64(at) }], // D
])

/**
 * Reads one value, which must be all there is.
 *
 * @param place  how errors name it, such as the file's path
 * @throws OperatingError kind 'usage', code 'model', with file and offset in bytes
 */
export function parseUbjson(bytes: Uint8Array, place: string): unknown {
  const reader = new Reader(bytes, place)
  const value = reader.value(0)
  reader.end()
  return value
}

class Reader {
  private readonly view: DataView
  private readonly place: string
  private readonly texts = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  private at = 0

  constructor(bytes: Uint8Array, place: string) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.place = place
  }

  value(depth: number): unknown {
    if (depth > DEPTH_MAX) throw this.error(`is nested more than ${DEPTH_MAX} levels deep`)
    const from = this.at
    const mark = this.byte()
    if (mark === MARK_OBJECT) return this.object(depth)
    if (mark === MARK_ARRAY) return this.array(depth)
    if (mark === MARK_STRING) return this.text()
    if (mark === MARK_NULL) return null
    if (mark === MARK_TRUE || mark === MARK_FALSE) return mark === MARK_TRUE
    return this.numbers(mark, 1, from)[0]
  }

  end(): void {
    if (this.at < this.view.byteLength) throw this.error('holds more bytes than its one value')
  }

  private object(depth: number): Record<string, unknown> {
    const entries = new Map<string, unknown>()
    while (this.peek() !== MARK_OBJECT_END) {
      const from = this.at
      const key = this.text()
      if (entries.has(key)) throw this.error(`repeats the key ${JSON.stringify(key)}`, from)
      entries.set(key, this.value(depth + 1))
    }
    this.at++
    return Object.fromEntries(entries)
  }

  private array(depth: number): unknown[] {
    if (this.peek() === MARK_TYPE) {
      this.at++
      const from = this.at
      const type = this.byte()
      this.expect(MARK_COUNT)
      return this.numbers(type, this.length(), from)
    }
    const values: unknown[] = []
    if (this.peek() === MARK_COUNT) {
      this.at++
      // Each value takes a byte at least.
      const count = this.fitting(this.length(), 1)
      while (values.length < count) values.push(this.value(depth + 1))
      return values
    }
    while (this.peek() !== MARK_ARRAY_END) values.push(this.value(depth + 1))
    this.at++
    return values
  }

  private numbers(type: number, count: number, from: number): number[] {
    const number = NUMBERS.get(type)
    if (!number) throw this.error(`has the unknown type 0x${type.toString(16)}`, from)
    this.fitting(count, number.bytes)
    const values: number[] = []
    for (let i = 0; i < count; i++) {
      values.push(number.read(this.view, this.at))
      this.at += number.bytes
    }
    return values
  }

  private text(): string {
    const size = this.fitting(this.length(), 1)
    const bytes = new Uint8Array(this.view.buffer, this.view.byteOffset + this.at, size)
    try {
      const text = this.texts.decode(bytes)
      this.at += size
      return text
    } catch (error) {
      throw this.error('holds a text that is not UTF-8', this.at, error)
    }
  }

  private length(): number {
    this.expect(MARK_INT64)
    this.fitting(1, 8)
    const length = this.view.getBigInt64(this.at)
    if (length < 0n || length > BigInt(this.view.byteLength)) {
      throw this.error(`states a length of ${length}`)
    }
    this.at += 8
    return Number(length)
  }

  /** The count, when so many values of so many bytes are still there. */
  private fitting(count: number, bytes: number): number {
    const rest = this.view.byteLength - this.at
    if (count * bytes > rest) {
      throw this.error(`ends too early: ${count * bytes} bytes are due, ${rest} are left`)
    }
    return count
  }

  private expect(mark: number): void {
    const from = this.at
    const actual = this.byte()
    if (actual === mark) return
    const due = String.fromCharCode(mark)
    throw this.error(`has the byte 0x${actual.toString(16)} where ${due} is due`, from)
  }

  private byte(): number {
    const byte = this.peek()
    this.at++
    return byte
  }

  private peek(): number {
    this.fitting(1, 1)
    return this.view.getUint8(this.at)
  }

  private error(what: string, at = this.at, cause?: unknown) {
    return usageError('model', `${this.place}: byte ${at}: ${what}`, cause)
  }
}
