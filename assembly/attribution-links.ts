// Attribution by links (see attribution.ts): where row and reference go the same way there is
// nothing to do, so the descent is told beforehand at which splits they part, as a word of bits a
// tree, and jumps from one to the next. Vector instructions find those splits 16 at a time, without
// a branch; trees where the row goes the reference's way are left out.

import {
  ATTRIBUTION_REFERENCES,
  ATTRIBUTION_TREES,
  ATTRIBUTION_TURNED_AT,
  ATTRIBUTION_TURNED_BYTES,
  ATTRIBUTION_WEIGHTS_AT,
  LINK_ALIKE,
  LINK_BYTES,
  LINK_LEAF,
  LINK_SPAN,
  LINK_VALUE_AT,
  LINK_WEIGHTS,
  PARTED_BYTES,
  PARTED_LINKS,
  PARTED_SPLITS,
  TURNED_GROUP_SPLITS,
  TURNED_LINKS_AT,
  TURNED_RIGHT,
  TURNED_SPAN,
  TURNED_SPLITS,
  WEIGHTS_BYTES,
} from './attribution-layout'
import { lookUp } from './lanes'

/** A set of a tree's splits. */
type Splits = u64

/** What features taken from the reference lose at the leaves that were met last. */
let lost: f64 = 0

/** The tree's links, and where the values are. */
let links: usize = 0
let valuesAt: usize = 0

/** @param parted  scratch, 16 bytes a tree */
export function attributeByLinks(
  attribution: usize,
  bins: usize,
  values: usize,
  parted: usize,
): void {
  const references = load<u32>(attribution, ATTRIBUTION_REFERENCES)
  const weights = attribution + <usize>load<u32>(attribution, ATTRIBUTION_WEIGHTS_AT)
  const treeBytes = <usize>load<u32>(attribution, ATTRIBUTION_TURNED_BYTES)
  const bytes = <usize>load<u32>(attribution, ATTRIBUTION_TREES) * treeBytes
  let turned = attribution + <usize>load<u32>(attribution, ATTRIBUTION_TURNED_AT)
  valuesAt = values
  for (let r: u32 = 0; r < references; r++) {
    const end =
      treeBytes == <usize>TURNED_SPLITS + 2 * TURNED_GROUP_SPLITS
        ? partOnce(turned, bytes, bins, parted)
        : partTwice(turned, bytes, bins, parted)
    for (let tree = parted; tree < end; tree += PARTED_BYTES) {
      links = attribution + <usize>load<u32>(tree, PARTED_LINKS)
      follow(links, load<Splits>(tree, PARTED_SPLITS), weights)
    }
    turned += bytes
  }
}

/** Lists the trees, of up to 32 splits each, in which the row parts from the reference. */
function partOnce(turned: usize, bytes: usize, bins: usize, parted: usize): usize {
  const low = v128.load(bins)
  const high = v128.load(bins, 16)
  const end = turned + bytes
  for (; turned < end; turned += TURNED_SPLITS + 2 * TURNED_GROUP_SPLITS) {
    const right = <Splits>rightOf(low, high, turned + TURNED_SPLITS)
    parted = list(turned, right, parted)
  }
  return parted
}

/** The same of trees of up to 64 splits. */
function partTwice(turned: usize, bytes: usize, bins: usize, parted: usize): usize {
  const low = v128.load(bins)
  const high = v128.load(bins, 16)
  const end = turned + bytes
  for (; turned < end; turned += TURNED_SPLITS + 4 * TURNED_GROUP_SPLITS) {
    const first = turned + TURNED_SPLITS
    const second = <Splits>rightOf(low, high, first + 2 * TURNED_GROUP_SPLITS)
    parted = list(turned, (<Splits>rightOf(low, high, first)) | (second << 32), parted)
  }
  return parted
}

/** Of 32 splits those at which the row goes right. */
function rightOf(low: v128, high: v128, splits: usize): u32 {
  const first = lookUp(low, high, v128.load(splits))
  const second = lookUp(low, high, v128.load(splits, 16))
  const rights = i8x16.bitmask(i8x16.gt_s(first, v128.load(splits, 32)))
  return rights | (i8x16.bitmask(i8x16.gt_s(second, v128.load(splits, 48))) << 16)
}

/** Writes a tree to the list, and returns the list's end: beyond it where the row parts. */
function list(turned: usize, right: Splits, parted: usize): usize {
  const splits = right ^ load<Splits>(turned, TURNED_RIGHT)
  store<Splits>(parted, splits, PARTED_SPLITS)
  store<u32>(parted, load<u32>(turned, TURNED_LINKS_AT), PARTED_LINKS)
  return parted + usize((splits & load<Splits>(turned, TURNED_SPAN)) != 0) * PARTED_BYTES
}

/**
 * Follows the reference from a link on, and parts from it. Returns what features taken from the row
 * get at the leaves that are met, and leaves in `lost` what those from the reference lose.
 *
 * @param parted   splits at which row and reference go different ways, but for those on features
 *                 that are taken from the reference
 * @param weights  those for as many features as are
 */
function follow(link: usize, parted: Splits, weights: usize): f64 {
  let way = parted & load<Splits>(link, LINK_SPAN)
  while (way) {
    const split = links + <usize>ctz<Splits>(way) * LINK_BYTES
    const alike = load<Splits>(split, LINK_ALIKE)
    if (alike) {
      const ofRow = follow(link, parted & ~alike, weights + WEIGHTS_BYTES)
      const ofReference = lost
      const ofOther = follow(split + LINK_BYTES, parted, weights)
      const value = valuesAt + <usize>load<u32>(split, LINK_VALUE_AT)
      store<f64>(value, load<f64>(value) + (ofOther - ofReference))
      lost += ofReference
      return ofRow + ofOther
    }
    link = split + LINK_BYTES
    way = parted & load<Splits>(link, LINK_SPAN)
  }
  const leaf = load<f64>(link, LINK_LEAF)
  const pair = weights + <usize>load<u32>(link, LINK_WEIGHTS)
  lost = leaf * load<f64>(pair, 8)
  return leaf * load<f64>(pair)
}
