// Doubles next to each other.

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
