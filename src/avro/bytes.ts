// Avro's binary encoding of single values, for what is encoded once and then copied by WebAssembly:
// constants of a decision, texts of the reasons.

export class ByteWriter {
  private readonly parts: number[] = []

  /** int and long: zig-zag varint. */
  long(value: number | bigint): this {
    let rest = BigInt.asUintN(64, (BigInt(value) << 1n) ^ (BigInt(value) >> 63n))
    while (rest >= 0x80n) {
      this.parts.push(Number(rest & 0x7fn) | 0x80)
      rest >>= 7n
    }
    this.parts.push(Number(rest))
    return this
  }

  double(value: number): this {
    const bytes = new Uint8Array(8)
    new DataView(bytes.buffer).setFloat64(0, value, true)
    return this.raw(bytes)
  }

  float(value: number): this {
    const bytes = new Uint8Array(4)
    new DataView(bytes.buffer).setFloat32(0, value, true)
    return this.raw(bytes)
  }

  /** string and bytes: length, then the bytes. */
  string(value: string): this {
    const bytes = new TextEncoder().encode(value)
    return this.long(bytes.length).raw(bytes)
  }

  raw(bytes: Uint8Array): this {
    for (const byte of bytes) this.parts.push(byte)
    return this
  }

  take(): Uint8Array {
    return Uint8Array.from(this.parts)
  }
}
