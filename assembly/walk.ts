// Walk: one row down one tree after the other, eight at a time, for models of many columns or many
// leaves a tree. The way down a tree takes as many steps as the row's leaf is deep, where the other
// kernels compare at every split; but each step waits for the one before, so eight trees go side
// by side.
//
// There is no branch on the way. A leaf's bin is the greatest, so no row goes right there, and its
// left child is itself: a row that has arrived stays, until the last of the eight has.

import {
  IMAGE_BASE,
  IMAGE_LEAF_STRIDE,
  IMAGE_ROW_LEAVES_AT,
  IMAGE_NODES_AT,
  IMAGE_STEPS,
  IMAGE_TREES,
  NODE_BYTES,
  NODE_COLUMN_SHIFT,
  NODE_IS_SPLIT,
  NODE_LEFT_SHIFT,
  NODE_TREES,
} from './layout'
import { addLeaf } from './sum'

/** Bits of a left child's number as the byte offset of its eight nodes, once shifted down. */
const LEFT_MASK: u32 = 511 * NODE_BYTES
const LEFT_SHIFT: u32 = NODE_LEFT_SHIFT - 5

/** Sum of a row of bins, u8[columns]. */
export function sumOfWalks<T>(image: usize, bins: usize): f64 {
  const trees = <usize>load<u32>(image, IMAGE_TREES)
  const leafBytes = (<usize>load<u32>(image, IMAGE_LEAF_STRIDE)) << 3
  let leaves = image + <usize>load<u32>(image, IMAGE_ROW_LEAVES_AT)
  const groupBytes = (2 * <usize>load<u32>(image, IMAGE_STEPS) + 1) * NODE_BYTES
  let nodes = image + <usize>load<u32>(image, IMAGE_NODES_AT)
  let sum = load<f64>(image, IMAGE_BASE)
  for (let tree: usize = 0; tree < trees; tree += NODE_TREES) {
    let n0 = load<u32>(nodes)
    let n1 = load<u32>(nodes, 4)
    let n2 = load<u32>(nodes, 8)
    let n3 = load<u32>(nodes, 12)
    let n4 = load<u32>(nodes, 16)
    let n5 = load<u32>(nodes, 20)
    let n6 = load<u32>(nodes, 24)
    let n7 = load<u32>(nodes, 28)
    while ((n0 | n1 | n2 | n3 | n4 | n5 | n6 | n7) & NODE_IS_SPLIT) {
      n0 = load<u32>(nodes + childOf(n0, bins))
      n1 = load<u32>(nodes + childOf(n1, bins), 4)
      n2 = load<u32>(nodes + childOf(n2, bins), 8)
      n3 = load<u32>(nodes + childOf(n3, bins), 12)
      n4 = load<u32>(nodes + childOf(n4, bins), 16)
      n5 = load<u32>(nodes + childOf(n5, bins), 20)
      n6 = load<u32>(nodes + childOf(n6, bins), 24)
      n7 = load<u32>(nodes + childOf(n7, bins), 28)
    }
    nodes += groupBytes
    const count = trees - tree
    sum = addLeaf<T>(sum, valueOf(leaves, n0))
    if (count > 1) sum = addLeaf<T>(sum, valueOf(leaves + leafBytes, n1))
    if (count > 2) sum = addLeaf<T>(sum, valueOf(leaves + 2 * leafBytes, n2))
    if (count > 3) sum = addLeaf<T>(sum, valueOf(leaves + 3 * leafBytes, n3))
    if (count > 4) sum = addLeaf<T>(sum, valueOf(leaves + 4 * leafBytes, n4))
    if (count > 5) sum = addLeaf<T>(sum, valueOf(leaves + 5 * leafBytes, n5))
    if (count > 6) sum = addLeaf<T>(sum, valueOf(leaves + 6 * leafBytes, n6))
    if (count > 7) sum = addLeaf<T>(sum, valueOf(leaves + 7 * leafBytes, n7))
    leaves += NODE_TREES * leafBytes
  }
  return sum
}

/** Byte offset of the nodes with the number of the child that the row goes to. */
function childOf(node: u32, bins: usize): usize {
  const x = <i32>load<i8>(bins + columnOf(node))
  const goesRight = u32(x > <i32>(<i8>node))
  return <usize>(((node >> LEFT_SHIFT) & LEFT_MASK) + goesRight * NODE_BYTES)
}

/** Of a split its column, of a leaf its number. */
function columnOf(node: u32): usize {
  return <usize>(node >> NODE_COLUMN_SHIFT)
}

function valueOf(leaves: usize, node: u32): f64 {
  return load<f64>(leaves + (columnOf(node) << 3))
}
