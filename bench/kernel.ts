// The calibration kernel: a fixed piece of work that a budget of time is a multiple of, so that it
// holds on another machine, and on this one while others slow it down. One kernel is about a
// microsecond on a core of 3 GHz: equal parts of a chain of integer multiplications, comparing and
// adding doubles, and copying, as the path that is measured has them.

/** Does the work so many times. Self-contained, as its text is also sent to workers. */
export function makeKernel(): (times: number) => number {
  const bytes = Uint8Array.from({ length: 256 }, (_, i) => i * 7)
  const doubles = Float64Array.from({ length: 256 }, (_, i) => (i * 37) % 101)
  const from = new Uint8Array(16384)
  const to = new Uint8Array(16384)
  // What is not kept, a compiler may leave out.
  let kept = 0
  return (times) => {
    let hash = 0x811c9dc5
    let sum = 0
    for (let round = 0; round < times; round++) {
      for (let i = 0; i < bytes.length; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193)
      for (let i = 0; i < doubles.length; i++) sum += doubles[i]! > 50 ? doubles[i]! : -doubles[i]!
      to.set(from)
    }
    kept += hash + sum
    return kept
  }
}
