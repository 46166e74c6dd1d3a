// Doubles in their order, and next to each other.

/** Place of the greatest finite double. */
const ORDINAL_MAX = 0x7fef_ffff_ffff_ffffn

/** The next double above x; an infinity and NaN stay as they are. */
export function nextUp(x: number): number {
  if (!Number.isFinite(x)) return x
  if (x === 0) return Number.MIN_VALUE
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, x)
  view.setBigInt64(0, view.getBigInt64(0) + (x > 0 ? 1n : -1n))
  return view.getFloat64(0)
}

/** The next double below x. */
export function nextDown(x: number): number {
  return -nextUp(-x)
}

/**
 * The least finite double that meets a condition which all greater ones meet too; the greatest one
 * where none does.
 */
export function leastThat(meets: (x: number) => boolean): number {
  let low = -ORDINAL_MAX
  let high = ORDINAL_MAX
  while (low < high) {
    const middle = (low + high) >> 1n
    if (meets(ofOrdinal(middle))) high = middle
    else low = middle + 1n
  }
  return ofOrdinal(low)
}

/** Doubles in their order: 0 is the zeroes', 1 the least above, -1 the greatest below. */
function ofOrdinal(ordinal: bigint): number {
  const bits = new DataView(new ArrayBuffer(8))
  bits.setBigInt64(0, ordinal < 0n ? -ordinal : ordinal)
  const magnitude = bits.getFloat64(0)
  return ordinal < 0n ? -magnitude : magnitude
}
