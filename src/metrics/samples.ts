// A small sample of the decisions that a worker commits, in shared memory, for whoever watches:
// one writer, the worker, and one reader, the main thread; no message, no lock. A reader that does
// not come loses samples, never time of the worker's.
//
// A slot holds numbers (SAMPLE_…), the row as the model saw it, the decision's bytes and the
// application's. What was decided reaches the reader with its commit, not before.

/** Slots of a ring, and bytes of each: what does not fit is left out (see write). */
const SLOTS = 64
const SLOT_BYTES = 2048
const CONTROL_BYTES = 64
const HEADER_NUMBERS = 6
/** f64 each: records it stands for, Date.now(), columns, bytes of decision and value. */
const SAMPLE_WEIGHT = 0
const SAMPLE_DECIDED_AT_MS = 1
const SAMPLE_COLUMNS = 2
const SAMPLE_DECISION_BYTES = 3
const SAMPLE_VALUE_BYTES = 4

export type Sample = {
  /** Records decided since the sample before, this one included: what it stands for. */
  weight: number
  decidedAtMs: number
  row: Float64Array
  /** In the single-object encoding, as on the topic. */
  decision: Uint8Array
  /** The application as it came; empty when it was too long to be kept. */
  value: Uint8Array
}

/** Where the parts of a sample lie in some memory: bytes from its start. */
export type SamplePlace = {
  rowAt: number
  columns: number
  decisionAt: number
  decisionBytes: number
  valueAt: number
  valueBytes: number
}

export class SampleRing {
  readonly buffer: SharedArrayBuffer
  /** Samples published by the writer, and taken by the reader, since the start. */
  private readonly control: Int32Array
  private readonly u8: Uint8Array
  private readonly f64: Float64Array
  /** Samples written and not published yet. */
  private pending = 0

  constructor(buffer = new SharedArrayBuffer(CONTROL_BYTES + SLOTS * SLOT_BYTES)) {
    this.buffer = buffer
    this.control = new Int32Array(buffer, 0, 2)
    this.u8 = new Uint8Array(buffer)
    this.f64 = new Float64Array(buffer)
  }

  private get published(): number {
    return Atomics.load(this.control, 0)
  }

  private get taken(): number {
    return Atomics.load(this.control, 1)
  }

  // ---- The writer

  /** Whether there is a slot for another sample. */
  hasRoom(): boolean {
    return this.published + this.pending - this.taken < SLOTS
  }

  /** Copies a sample out of a memory; false when it does not fit a slot. */
  write(memory: Uint8Array, place: SamplePlace, weight: number, nowMs: number): boolean {
    const { columns, decisionBytes } = place
    const rowBytes = columns * 8
    const fixedBytes = HEADER_NUMBERS * 8 + rowBytes + decisionBytes
    if (fixedBytes > SLOT_BYTES) return false
    const valueBytes = fixedBytes + place.valueBytes <= SLOT_BYTES ? place.valueBytes : 0
    const slot = CONTROL_BYTES + ((this.published + this.pending) % SLOTS) * SLOT_BYTES
    const numbers = slot >> 3
    this.f64[numbers + SAMPLE_WEIGHT] = weight
    this.f64[numbers + SAMPLE_DECIDED_AT_MS] = nowMs
    this.f64[numbers + SAMPLE_COLUMNS] = columns
    this.f64[numbers + SAMPLE_DECISION_BYTES] = decisionBytes
    this.f64[numbers + SAMPLE_VALUE_BYTES] = valueBytes
    let at = slot + HEADER_NUMBERS * 8
    this.u8.set(memory.subarray(place.rowAt, place.rowAt + rowBytes), at)
    at += rowBytes
    this.u8.set(memory.subarray(place.decisionAt, place.decisionAt + decisionBytes), at)
    at += decisionBytes
    this.u8.set(memory.subarray(place.valueAt, place.valueAt + valueBytes), at)
    this.pending++
    return true
  }

  /** Lets the reader see what was written: it is committed. */
  publish(): void {
    if (this.pending === 0) return
    Atomics.add(this.control, 0, this.pending)
    this.pending = 0
  }

  /** Drops what was written and not published: it is aborted, and will be decided again. */
  discard(): void {
    this.pending = 0
  }

  // ---- The reader

  /** Samples that wait to be taken. */
  get waiting(): number {
    return this.published - this.taken
  }

  /** Takes the oldest sample, as a copy; undefined when there is none. */
  take(): Sample | undefined {
    const { taken } = this
    if (this.published === taken) return undefined
    const slot = CONTROL_BYTES + (taken % SLOTS) * SLOT_BYTES
    const numbers = slot >> 3
    const bytes = (at: number, length: number) => new Uint8Array(this.u8.slice(at, at + length))
    const rowBytes = this.f64[numbers + SAMPLE_COLUMNS]! * 8
    const decisionBytes = this.f64[numbers + SAMPLE_DECISION_BYTES]!
    const valueBytes = this.f64[numbers + SAMPLE_VALUE_BYTES]!
    const rowAt = slot + HEADER_NUMBERS * 8
    const decisionAt = rowAt + rowBytes
    const sample = {
      weight: this.f64[numbers + SAMPLE_WEIGHT]!,
      decidedAtMs: this.f64[numbers + SAMPLE_DECIDED_AT_MS]!,
      row: new Float64Array(bytes(rowAt, rowBytes).buffer),
      decision: bytes(decisionAt, decisionBytes),
      value: bytes(decisionAt + decisionBytes, valueBytes),
    }
    Atomics.add(this.control, 1, 1)
    return sample
  }

  /** Passes over the oldest samples. */
  skip(count: number): void {
    Atomics.add(this.control, 1, Math.max(0, Math.min(count, this.waiting)))
  }
}
