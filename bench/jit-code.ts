// Names of the machine code that a just-in-time compiler made, from its jitdump. Source: Linux,
// tools/perf/Documentation/jitdump-specification.txt, version 1.

const MAGIC = 0x4a695444
const HEADER_SIZE_AT = 8
const HEADER_PID_AT = 20
/** Of a record: its kind, its bytes, its time in nanoseconds. */
const PREFIX_BYTES = 16
const TIME_AT = 8
const CODE_LOAD = 0
/** JIT_CODE_LOAD after the prefix: pid, tid, vma, address, size, index, then the name. */
const ADDRESS_AT = PREFIX_BYTES + 16
const SIZE_AT = PREFIX_BYTES + 24
const NAME_AT = PREFIX_BYTES + 40
/** Codes are found by the pages that they lie in. */
const PAGE_BITS = 12n

type Code = { made: bigint; from: bigint; until: bigint; name: string }

export class JitCode {
  /** By process and page. */
  private readonly pages = new Map<number, Map<bigint, Code[]>>()

  /** Whether a process's dump was read. */
  has(pid: number): boolean {
    return this.pages.has(pid)
  }

  /** Adds a process's dump; one that was cut off, as by kill -9, up to there. */
  read(bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    if (bytes.length < HEADER_PID_AT + 4 || view.getUint32(0, true) !== MAGIC) return
    const pid = view.getUint32(HEADER_PID_AT, true)
    const pages = this.pages.get(pid) ?? new Map<bigint, Code[]>()
    this.pages.set(pid, pages)
    let at = view.getUint32(HEADER_SIZE_AT, true)
    while (at + PREFIX_BYTES <= bytes.length) {
      const size = view.getUint32(at + 4, true)
      if (size < PREFIX_BYTES || at + size > bytes.length) break
      if (view.getUint32(at, true) === CODE_LOAD && size > NAME_AT) {
        const from = view.getBigUint64(at + ADDRESS_AT, true)
        const end = bytes.indexOf(0, at + NAME_AT)
        const name = new TextDecoder().decode(bytes.subarray(at + NAME_AT, end))
        const until = from + view.getBigUint64(at + SIZE_AT, true)
        addTo(pages, { made: view.getBigUint64(at + TIME_AT, true), from, until, name })
      }
      at += size
    }
  }

  /**
   * The function at an address of a process at a time, in nanoseconds of the dump's clock: the last
   * that was made there until then, as memory is used again.
   */
  nameAt(pid: number, address: bigint, time: bigint): string | undefined {
    let newest: Code | undefined
    for (const code of this.pages.get(pid)?.get(address >> PAGE_BITS) ?? []) {
      if (code.made > time || address < code.from || address >= code.until) continue
      if (!newest || code.made >= newest.made) newest = code
    }
    return newest?.name
  }
}

function addTo(pages: Map<bigint, Code[]>, code: Code): void {
  for (let page = code.from >> PAGE_BITS; page <= code.until >> PAGE_BITS; page++) {
    const codes = pages.get(page)
    if (codes) codes.push(code)
    else pages.set(page, [code])
  }
}
