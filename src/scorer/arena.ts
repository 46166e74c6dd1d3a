// Addresses in an engine's memory, handed out one behind the other.

const ALIGNMENT = 64

export class Arena {
  /** First address that is not handed out. */
  end: number

  /** @param start  first address, aligned */
  constructor(start: number) {
    this.end = start
  }

  /** Address of so many bytes, aligned to a cache line. */
  take(bytes: number): number {
    const at = this.end
    this.end = Math.ceil((at + bytes) / ALIGNMENT) * ALIGNMENT
    return at
  }
}
