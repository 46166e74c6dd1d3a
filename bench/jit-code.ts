// Names of the machine code that a just-in-time compiler made, from its jitdump. Source: Linux,
// tools/perf/Documentation/jitdump-specification.txt, version 1.

const MAGIC = 0x4a695444
const HEADER_SIZE_AT = 8
const HEADER_PID_AT = 20
/** Of a record: its kind, its bytes, its time. */
const PREFIX_BYTES = 16
const CODE_LOAD = 0
/** JIT_CODE_LOAD after the prefix: pid, tid, vma, address, size, index, then the name. */
const ADDRESS_AT = PREFIX_BYTES + 16
const SIZE_AT = PREFIX_BYTES + 24
const NAME_AT = PREFIX_BYTES + 40

type Code = { from: bigint; until: bigint; name: string }

export class JitCode {
  /** By process, in the order they were made. */
  private readonly byPid = new Map<number, Code[]>()
  private isSorted = false

  /** Processes whose dump was read. */
  readonly pids = new Set<number>()

  /** Adds a process's dump; one that was cut off, as by kill -9, up to there. */
  read(bytes: Uint8Array): void {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    if (bytes.length < HEADER_PID_AT + 4 || view.getUint32(0, true) !== MAGIC) return
    const pid = view.getUint32(HEADER_PID_AT, true)
    this.pids.add(pid)
    const codes = this.byPid.get(pid) ?? []
    let at = view.getUint32(HEADER_SIZE_AT, true)
    while (at + PREFIX_BYTES <= bytes.length) {
      const size = view.getUint32(at + 4, true)
      if (size < PREFIX_BYTES || at + size > bytes.length) break
      if (view.getUint32(at, true) === CODE_LOAD && size > NAME_AT) {
        const from = view.getBigUint64(at + ADDRESS_AT, true)
        const end = bytes.indexOf(0, at + NAME_AT)
        const name = new TextDecoder().decode(bytes.subarray(at + NAME_AT, end))
        codes.push({ from, until: from + view.getBigUint64(at + SIZE_AT, true), name })
      }
      at += size
    }
    this.byPid.set(pid, codes)
    this.isSorted = false
  }

  /** The function at an address of a process, the newest where memory was used again. */
  nameAt(pid: number, address: bigint): string | undefined {
    if (!this.isSorted) {
      for (const codes of this.byPid.values()) codes.sort((a, b) => (a.from < b.from ? -1 : 1))
      this.isSorted = true
    }
    const codes = this.byPid.get(pid) ?? []
    let [low, high] = [0, codes.length]
    while (low < high) {
      const middle = (low + high) >> 1
      if (codes[middle]!.from <= address) low = middle + 1
      else high = middle
    }
    const code = codes[low - 1]
    return code && address < code.until ? code.name : undefined
  }
}
