// What only the kernels of one row read in a model's image: as layout.ts, shared by the module and
// the compiler.

// Two entries of the quantiser side by side, for a lone row: those that are no split by category,
// by their number of comparisons. An odd one goes beside itself.
/** f64[2]: ENTRY_LOW, ENTRY_SCALE, ENTRY_LAST_CELL. */
export const TWIN_LOW = 0
export const TWIN_SCALE = 16
export const TWIN_LAST_CELL = 32
/** f64[2]: a value with no more than this magnitude is missing; -1 where there are none such. */
export const TWIN_ZERO = 48
/** u32[2]: as those of an entry. */
export const TWIN_FEATURE_AT = 64
export const TWIN_CELLS_AT = 72
export const TWIN_THRESHOLDS_AT = 80
export const TWIN_COMPARISONS = 88
/** u32[2]: columns, the same again where there is one only. */
export const TWIN_COLUMN_A = 96
export const TWIN_COLUMN_B = 104
/** u32[2]: bins of a missing value in either column, biased; where none is missing, that of 0. */
export const TWIN_MISSING_BIN_A = 112
export const TWIN_MISSING_BIN_B = 120
export const TWIN_BYTES = 128

// Lanes: columns of the first and of the second register, u8 x 16 each, as lookUp in
// assembly/lanes.ts has them; then the groups of trees.
export const LANES_FIRST = 0
export const LANES_SECOND = 16
/** u32: bytes of a tree's leaf values. */
export const LANES_LEAF_BYTES = 32
export const LANES_HEADER_BYTES = 48
/** u32: steps of a group, even; the steps follow. */
export const GROUP_STEPS = 0
export const GROUP_HEADER_BYTES = 16
// Step of a group, for 16 trees: parent leaf, place of the column in the first register (even
// steps) or in the second (odd ones), bin; u8 x 16 each.
export const LANE_PARENT = 0
export const LANE_COLUMN = 16
export const LANE_BIN = 32
export const LANE_BYTES = 48
