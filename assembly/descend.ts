// Descend: one split, of 16 rows or of 16 trees at once. See the method in assembly/score.ts.
//
// A mask's bytes are 0 or 255, so the lesser of mask and number is what `and` would give. `and` is
// an instruction for floats where JavaScriptCore compiles for x86, and processors take a cycle more
// to hand integers over to one, and to take its result back.

/** Leaves after the split: right where a row is in the parent leaf and above the bin. */
export function descend(leaf: v128, parent: v128, x: v128, bin: v128, right: v128): v128 {
  // What does not wait for the leaf first: three instructions from one leaf to the next, not four.
  const number = i8x16.min_u(i8x16.gt_s(x, bin), right)
  return i8x16.max_u(leaf, i8x16.min_u(i8x16.eq(leaf, parent), number))
}

/** Leaves after a pair of splits, of which the inner one parts what the outer one sends right. */
export function descendPair(
  leaf: v128,
  parent: v128,
  x: v128,
  bin: v128,
  innerX: v128,
  innerBin: v128,
  right: v128,
): v128 {
  const child = i8x16.sub(right, i8x16.gt_s(innerX, innerBin))
  const number = i8x16.min_u(child, i8x16.gt_s(x, bin))
  return i8x16.max_u(leaf, i8x16.min_u(i8x16.eq(leaf, parent), number))
}
