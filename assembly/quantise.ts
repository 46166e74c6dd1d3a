// Quantise: doubles to u8 bins, without loss. A feature's thresholds t0 < t1 < … cut the line into
// bins, and x > t(k) holds exactly when bin(x) > k; so the kernels compare bytes and still decide
// as the doubles would, ties included.
//
// The bin comes from a cell table: cell(x) = clamp((x - low) * scale, 0, last), rounded, is a
// monotone function of x, and the compiler computed it for the thresholds with the same arithmetic.
// A threshold in a lower cell is below x, one in a higher cell is not; the few in x's own cell are
// compared as doubles. Most features need one such comparison.
//
// Bins are stored biased by 128 because 128-bit lanes compare signed bytes in one instruction and
// unsigned ones in two.
//
// A split by category is a column of its own with two bins: the category is looked up in a bit set.

import {
  BLOCK_ROWS,
  CONTEXT_BINS,
  CONTEXT_IMAGE,
  CONTEXT_ROWS,
  CONTEXT_ROW_BYTES,
  ENTRY_BYTES,
  ENTRY_CELLS_AT,
  ENTRY_COLUMNS,
  ENTRY_COLUMN_A,
  ENTRY_COLUMN_B,
  ENTRY_COMPARISONS,
  ENTRY_FEATURE_AT,
  ENTRY_FLOAT32,
  ENTRY_LAST_CELL,
  ENTRY_LISTED_BIN,
  ENTRY_LOW,
  ENTRY_MISSING,
  ENTRY_MISSING_BIN_A,
  ENTRY_MISSING_BIN_B,
  ENTRY_SCALE,
  ENTRY_THRESHOLDS_AT,
  IMAGE_CATEGORIES,
  IMAGE_CATEGORIES_AT,
  IMAGE_COLUMNS,
  IMAGE_ENTRIES,
  IMAGE_ENTRIES_AT,
  IMAGE_TWINS,
  IMAGE_TWINS_AT,
  MISSING_CATEGORY,
  MISSING_NONE,
  MISSING_ZERO,
} from './layout'
import {
  TWIN_BYTES,
  TWIN_CELLS_AT,
  TWIN_COLUMN_A,
  TWIN_COLUMN_B,
  TWIN_COMPARISONS,
  TWIN_FEATURE_AT,
  TWIN_LAST_CELL,
  TWIN_LOW,
  TWIN_MISSING_BIN_A,
  TWIN_MISSING_BIN_B,
  TWIN_SCALE,
  TWIN_THRESHOLDS_AT,
  TWIN_ZERO,
} from './row-layout'

/** Adding it to a double below 2^51 leaves the nearest integer in the low bits. */
const INTEGER_SHIFT: f64 = 4503599627370496.0
/** LightGBM's kZeroThreshold, the float 1e-35f as a double (include/LightGBM/meta.h). */
const ZERO_THRESHOLD: f64 = 1.0000000180025095e-35
const BIAS: u64 = 0x8080808080808080
const EVERY_BYTE: u64 = 0x0101010101010101

// Between finding cells and finding bins, of two features: i32, f64 and a mask of 64 bits, twice.
const FOUND_CELL = 0
const FOUND_VALUE = 16
const FOUND_MISSING = 32
const FOUND_BYTES = 48
/** So many have room where the leaf indices of 128 rows have. */
const TILE_TWINS = 32
const SECOND_COMPARISONS: usize = TWIN_COMPARISONS + 4

/** Quantises n rows of the batch, a multiple of 8 up to 128, into blocks of 64. */
export function quantiseRows(context: usize, firstRow: i32, n: i32): void {
  const image = <usize>load<u32>(context, CONTEXT_IMAGE)
  const rowBytes = <usize>load<u32>(context, CONTEXT_ROW_BYTES)
  const entries = image + <usize>load<u32>(image, IMAGE_ENTRIES_AT)
  const entriesEnd = entries + <usize>load<u32>(image, IMAGE_ENTRIES) * ENTRY_BYTES
  const complements = <usize>load<u32>(image, IMAGE_COLUMNS) * BLOCK_ROWS
  const blockBytes = 2 * complements
  const rows = <usize>load<u32>(context, CONTEXT_ROWS) + <usize>firstRow * rowBytes
  const bins = <usize>load<u32>(context, CONTEXT_BINS)
  for (let from: usize = 0; from < <usize>n; from += BLOCK_ROWS) {
    const count = min<usize>(BLOCK_ROWS, <usize>n - from)
    const out = bins + (from / BLOCK_ROWS) * blockBytes
    const row = rows + from * rowBytes
    for (let entry = entries; entry < entriesEnd; entry += ENTRY_BYTES) {
      const x = row + <usize>load<u32>(entry, ENTRY_FEATURE_AT)
      if (load<u32>(entry, ENTRY_MISSING) == MISSING_CATEGORY) {
        const column = out + <usize>load<u32>(entry, ENTRY_COLUMN_A)
        for (let i: usize = 0; i < count; i++) {
          const bin = binOfCategory(entry, image, load<f64>(x + i * rowBytes))
          store<u8>(column + i, bin)
          store<u8>(column + complements + i, ~bin)
        }
      } else {
        quantiseFeature(entry, image, x, rowBytes, out, complements, count)
      }
    }
  }
}

/** One feature of some rows, eight at a time: what is the same for all is read once. */
function quantiseFeature(
  entry: usize,
  image: usize,
  x: usize,
  rowBytes: usize,
  out: usize,
  complements: usize,
  count: usize,
): void {
  const low = v128.load64_splat(entry, ENTRY_LOW)
  const scale = v128.load64_splat(entry, ENTRY_SCALE)
  const last = v128.load64_splat(entry, ENTRY_LAST_CELL)
  const missing = load<u32>(entry, ENTRY_MISSING)
  const cells = image + <usize>load<u32>(entry, ENTRY_CELLS_AT)
  const t = image + <usize>load<u32>(entry, ENTRY_THRESHOLDS_AT)
  const comparisons = load<u32>(entry, ENTRY_COMPARISONS)
  const whenMissingA = <u64>load<u8>(entry, ENTRY_MISSING_BIN_A) * EVERY_BYTE
  const whenMissingB = <u64>load<u8>(entry, ENTRY_MISSING_BIN_B) * EVERY_BYTE
  const hasB = load<u32>(entry, ENTRY_COLUMNS) == 2
  const columnB = <usize>load<u32>(entry, ENTRY_COLUMN_B) - <usize>load<u32>(entry, ENTRY_COLUMN_A)
  let columnA = out + <usize>load<u32>(entry, ENTRY_COLUMN_A)
  for (const end = columnA + count; columnA < end; columnA += 8) {
    let x0 = loadPair(x, rowBytes)
    let x1 = loadPair(x + 2 * rowBytes, rowBytes)
    let x2 = loadPair(x + 4 * rowBytes, rowBytes)
    let x3 = loadPair(x + 6 * rowBytes, rowBytes)
    x += 8 * rowBytes
    let missingMask: u64 = 0
    if (missing == MISSING_NONE) {
      x0 = v128.and(x0, f64x2.eq(x0, x0))
      x1 = v128.and(x1, f64x2.eq(x1, x1))
      x2 = v128.and(x2, f64x2.eq(x2, x2))
      x3 = v128.and(x3, f64x2.eq(x3, x3))
    } else {
      missingMask = missingOfEight(missing, x0, x1, x2, x3)
    }
    const c0 = cell(x0, low, scale, last)
    const c1 = cell(x1, low, scale, last)
    const c2 = cell(x2, low, scale, last)
    const c3 = cell(x3, low, scale, last)
    let bins: u64
    if (comparisons == 1) {
      bins = binsOfEight<u8>(cells, t, c0, c1, c2, c3, x0, x1, x2, x3, comparisons)
    } else if (comparisons == 2) {
      bins = binsOfEight<u16>(cells, t, c0, c1, c2, c3, x0, x1, x2, x3, comparisons)
    } else {
      bins = binsOfEight<u32>(cells, t, c0, c1, c2, c3, x0, x1, x2, x3, comparisons)
    }
    bins = (bins ^ BIAS) & ~missingMask
    const binsA = bins | (missingMask & whenMissingA)
    store<u64>(columnA, binsA)
    store<u64>(columnA + complements, ~binsA)
    if (hasB) {
      const binsB = bins | (missingMask & whenMissingB)
      store<u64>(columnA + columnB, binsB)
      store<u64>(columnA + columnB + complements, ~binsB)
    }
  }
}

/**
 * Quantises one row into u8[columns], for the kernels of one row: two features at once, and without
 * a branch that depends on a value. First all cells, then all bins: what waits for what is short
 * then, and the processor sees more features ahead.
 *
 * @param scratch  as much as the leaf indices take
 */
export function quantiseRow(image: usize, row: usize, out: usize, scratch: usize): void {
  let twin = image + <usize>load<u32>(image, IMAGE_TWINS_AT)
  const twinsEnd = twin + <usize>load<u32>(image, IMAGE_TWINS) * TWIN_BYTES
  while (twin < twinsEnd) {
    const end = min(twinsEnd, twin + TILE_TWINS * TWIN_BYTES)
    findCells(twin, end, row, scratch)
    findBins(twin, end, image, out, scratch)
    twin = end
  }
  const categories = load<u32>(image, IMAGE_CATEGORIES)
  if (categories) quantiseCategories(image, row, out, categories)
}

function findCells(twin: usize, end: usize, row: usize, found: usize): void {
  for (; twin < end; twin += TWIN_BYTES) {
    const one = v128.load64_zero(row + <usize>load<u32>(twin, TWIN_FEATURE_AT))
    const x = v128.load_lane<f64>(row + <usize>load<u32>(twin, TWIN_FEATURE_AT + 4), one, 1)
    const low = v128.load(twin, TWIN_LOW)
    const cells = cell(x, low, v128.load(twin, TWIN_SCALE), v128.load(twin, TWIN_LAST_CELL))
    const isThere = f64x2.gt(f64x2.abs(x), v128.load(twin, TWIN_ZERO))
    v128.store(found, cells, FOUND_CELL)
    v128.store(found, x, FOUND_VALUE)
    v128.store(found, v128.not(isThere), FOUND_MISSING)
    found += FOUND_BYTES
  }
}

/** They are sorted by the comparisons they take, the second of a pair takes no fewer. */
function findBins(twin: usize, end: usize, image: usize, out: usize, found: usize): void {
  for (; twin < end && load<u32>(twin, SECOND_COMPARISONS) == 1; twin += TWIN_BYTES) {
    storeBin(twin, found, out, twinBin1(twin, found, image))
    storeBin(twin + 4, found + 8, out, twinBin1(twin + 4, found + 8, image))
    found += FOUND_BYTES
  }
  // The first may take one only, and can do with two.
  for (; twin < end && load<u32>(twin, SECOND_COMPARISONS) == 2; twin += TWIN_BYTES) {
    storeBin(twin, found, out, twinBin2(twin, found, image))
    storeBin(twin + 4, found + 8, out, twinBin2(twin + 4, found + 8, image))
    found += FOUND_BYTES
  }
  for (; twin < end; twin += TWIN_BYTES) {
    storeBin(twin, found, out, twinBinN(twin, found, image))
    storeBin(twin + 4, found + 8, out, twinBinN(twin + 4, found + 8, image))
    found += FOUND_BYTES
  }
}

/** Bin of one of the two features, where no cell holds more than one threshold. */
function twinBin1(twin: usize, found: usize, image: usize): u64 {
  const cells = image + <usize>load<u32>(twin, TWIN_CELLS_AT)
  const t = image + <usize>load<u32>(twin, TWIN_THRESHOLDS_AT)
  return bin<u8>(cells, t, load<i32>(found, FOUND_CELL), load<f64>(found, FOUND_VALUE), 1)
}

/** Where none holds more than three. */
function twinBin2(twin: usize, found: usize, image: usize): u64 {
  const cells = image + <usize>load<u32>(twin, TWIN_CELLS_AT)
  const t = image + <usize>load<u32>(twin, TWIN_THRESHOLDS_AT)
  return bin<u16>(cells, t, load<i32>(found, FOUND_CELL), load<f64>(found, FOUND_VALUE), 2)
}

function twinBinN(twin: usize, found: usize, image: usize): u64 {
  const cells = image + <usize>load<u32>(twin, TWIN_CELLS_AT)
  const t = image + <usize>load<u32>(twin, TWIN_THRESHOLDS_AT)
  const comparisons = load<u32>(twin, TWIN_COMPARISONS)
  const c = load<i32>(found, FOUND_CELL)
  return bin<u32>(cells, t, c, load<f64>(found, FOUND_VALUE), comparisons)
}

/** Its bin, or what stands for a missing value, into both its columns. */
function storeBin(twin: usize, found: usize, out: usize, bin: u64): void {
  const missing = load<u32>(found, FOUND_MISSING)
  const there = ((<u32>bin) ^ 0x80) & ~missing
  const columnA = out + <usize>load<u32>(twin, TWIN_COLUMN_A)
  const columnB = out + <usize>load<u32>(twin, TWIN_COLUMN_B)
  store<u8>(columnA, there | (missing & load<u32>(twin, TWIN_MISSING_BIN_A)))
  store<u8>(columnB, there | (missing & load<u32>(twin, TWIN_MISSING_BIN_B)))
}

function quantiseCategories(image: usize, row: usize, out: usize, count: u32): void {
  let list = image + <usize>load<u32>(image, IMAGE_CATEGORIES_AT)
  for (const end = list + ((<usize>count) << 2); list < end; list += 4) {
    const entry = image + <usize>load<u32>(list)
    const x = load<f64>(row + <usize>load<u32>(entry, ENTRY_FEATURE_AT))
    const column = out + <usize>(load<u32>(entry, ENTRY_COLUMN_A) / BLOCK_ROWS)
    store<u8>(column, binOfCategory(entry, image, x))
  }
}

/** Bin of a category: on which side of its split it is. */
function binOfCategory(entry: usize, image: usize, x: f64): u8 {
  if (x != x) return load<u8>(entry, ENTRY_MISSING_BIN_A)
  const value = load<u32>(entry, ENTRY_FLOAT32) ? <f64>(<f32>x) : x
  // Below it there is no category; the count of bits bounds it above.
  if (!(value > load<f64>(entry, ENTRY_LOW) && value < load<f64>(entry, ENTRY_LAST_CELL))) {
    return load<u8>(entry, ENTRY_MISSING_BIN_B)
  }
  const category = <u32>value
  const bits = image + <usize>load<u32>(entry, ENTRY_CELLS_AT)
  const byte = <u32>load<u8>(bits + ((<usize>category) >> 3))
  if ((byte >> (category & 7)) & 1) return load<u8>(entry, ENTRY_LISTED_BIN)
  return load<u8>(entry, ENTRY_MISSING_BIN_B)
}

function loadPair(x: usize, rowBytes: usize): v128 {
  return v128.load_lane<f64>(x + rowBytes, v128.load64_zero(x), 1)
}

/** NaN ends in cell 0: pmax keeps its first operand unless the second is greater. */
function cell(x: v128, low: v128, scale: v128, last: v128): v128 {
  const position = f64x2.pmax(f64x2.splat(0), f64x2.mul(f64x2.sub(x, low), scale))
  return f64x2.add(f64x2.pmin(last, position), f64x2.splat(INTEGER_SHIFT))
}

/** Bin of x in cell c; C as in `below`. */
function bin<C>(cells: usize, thresholds: usize, c: i32, x: f64, comparisons: u32): u64 {
  const found = below<C>(cells, thresholds, c, x, comparisons)
  return <u64>found + u64(x > load<f64>(thresholds + (found << 3)))
}

/**
 * Bin of x in cell c, but for the last comparison. Binary search over the 2^comparisons - 1
 * thresholds from the cell's first on.
 *
 * C: u8 where no cell holds more than one threshold, u16 where none more than three, else u32.
 */
function below<C>(cells: usize, thresholds: usize, c: i32, x: f64, comparisons: u32): usize {
  let found = <usize>load<u8>(cells + <usize>c)
  if (sizeof<C>() == 1) return found
  if (sizeof<C>() == 2) return found + (usize(x > load<f64>(thresholds + (found << 3), 8)) << 1)
  for (let bit = comparisons; bit > 1; bit--) {
    const half = (<usize>1) << (bit - 1)
    found += usize(x > load<f64>(thresholds + ((found + half - 1) << 3))) << (bit - 1)
  }
  return found
}

/** Bins of eight values in their cells, a byte each; C as in `below`. */
function binsOfEight<C>(
  cells: usize,
  t: usize,
  c0: v128,
  c1: v128,
  c2: v128,
  c3: v128,
  x0: v128,
  x1: v128,
  x2: v128,
  x3: v128,
  comparisons: u32,
): u64 {
  const b0 = below<C>(cells, t, i32x4.extract_lane(c0, 0), f64x2.extract_lane(x0, 0), comparisons)
  const b1 = below<C>(cells, t, i32x4.extract_lane(c0, 2), f64x2.extract_lane(x0, 1), comparisons)
  const b2 = below<C>(cells, t, i32x4.extract_lane(c1, 0), f64x2.extract_lane(x1, 0), comparisons)
  const b3 = below<C>(cells, t, i32x4.extract_lane(c1, 2), f64x2.extract_lane(x1, 1), comparisons)
  const b4 = below<C>(cells, t, i32x4.extract_lane(c2, 0), f64x2.extract_lane(x2, 0), comparisons)
  const b5 = below<C>(cells, t, i32x4.extract_lane(c2, 2), f64x2.extract_lane(x2, 1), comparisons)
  const b6 = below<C>(cells, t, i32x4.extract_lane(c3, 0), f64x2.extract_lane(x3, 0), comparisons)
  const b7 = below<C>(cells, t, i32x4.extract_lane(c3, 2), f64x2.extract_lane(x3, 1), comparisons)
  const above = packMasks(
    f64x2.gt(x0, thresholdsOf(t, b0, b1)),
    f64x2.gt(x1, thresholdsOf(t, b2, b3)),
    f64x2.gt(x2, thresholdsOf(t, b4, b5)),
    f64x2.gt(x3, thresholdsOf(t, b6, b7)),
  )
  const low = (<u32>b0) | ((<u32>b1) << 8) | ((<u32>b2) << 16) | ((<u32>b3) << 24)
  const high = (<u32>b4) | ((<u32>b5) << 8) | ((<u32>b6) << 16) | ((<u32>b7) << 24)
  return (((<u64>high) << 32) | (<u64>low)) + (above & EVERY_BYTE)
}

function thresholdsOf(thresholds: usize, first: usize, second: usize): v128 {
  const one = v128.load64_zero(thresholds + (first << 3))
  return v128.load_lane<f64>(thresholds + (second << 3), one, 1)
}

/** A byte of ones for each of eight values that is missing. */
function missingOfEight(missing: u32, x0: v128, x1: v128, x2: v128, x3: v128): u64 {
  if (missing == MISSING_ZERO) {
    return packMasks(notAboveZero(x0), notAboveZero(x1), notAboveZero(x2), notAboveZero(x3))
  }
  return packMasks(f64x2.ne(x0, x0), f64x2.ne(x1, x1), f64x2.ne(x2, x2), f64x2.ne(x3, x3))
}

/** All ones where |x| <= ZERO_THRESHOLD or x is NaN. */
function notAboveZero(x: v128): v128 {
  return v128.not(f64x2.gt(f64x2.abs(x), f64x2.splat(ZERO_THRESHOLD)))
}

/** Eight lane masks of 64 bits to eight bytes: halved three times, as -1 and 0 stay themselves. */
function packMasks(m0: v128, m1: v128, m2: v128, m3: v128): u64 {
  const quarters = i16x8.narrow_i32x4_s(m0, m1)
  const otherQuarters = i16x8.narrow_i32x4_s(m2, m3)
  const eighths = i8x16.narrow_i16x8_s(quarters, otherQuarters)
  return <u64>i64x2.extract_lane(i8x16.narrow_i16x8_s(eighths, eighths), 0)
}
