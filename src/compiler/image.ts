// The bytes of a model's image while they are written.

const ALIGNMENT = 64

/** Bytes that grow by aligned sections. */
export class Image {
  private buffer = new Uint8Array(1 << 16)
  private view = new DataView(this.buffer.buffer)
  private size = 0

  /** Appends zeroed bytes and returns where they start. */
  reserve(bytes: number): number {
    const at = Math.ceil(this.size / ALIGNMENT) * ALIGNMENT
    this.size = at + bytes
    if (this.size > this.buffer.length) {
      const larger = new Uint8Array(Math.max(this.size, this.buffer.length * 2))
      larger.set(this.buffer)
      this.buffer = larger
      this.view = new DataView(larger.buffer)
    }
    return at
  }

  u8(at: number, value: number): void {
    this.buffer[at] = value
  }

  u16(at: number, value: number): void {
    this.view.setUint16(at, value, true)
  }

  u32(at: number, value: number): void {
    this.view.setUint32(at, value, true)
  }

  u64(at: number, value: bigint): void {
    this.view.setBigUint64(at, value, true)
  }

  f64(at: number, value: number): void {
    this.view.setFloat64(at, value, true)
  }

  setBit(at: number, bit: number): void {
    this.buffer[at + (bit >> 3)]! |= 1 << (bit & 7)
  }

  bytes(at: number, bytes: Uint8Array): void {
    this.buffer.set(bytes, at)
  }

  fill(at: number, length: number, value: number): void {
    this.buffer.fill(value, at, at + length)
  }

  take(): Uint8Array {
    return this.buffer.slice(0, Math.ceil(this.size / ALIGNMENT) * ALIGNMENT)
  }
}
