// What the host and the module share of attribution: see assembly/layout.ts, of which this is a
// part that grew large enough for a file of its own. Plain numbers only; all values little-endian.

// ---- Image: what reasons.bin holds, position-independent (see assembly/attribution.ts).
export const ATTRIBUTION_MAGIC_VALUE = 0x5441534c // "LSAT"
export const ATTRIBUTION_VERSION_VALUE = 2
export const ATTRIBUTION_MAGIC = 0
export const ATTRIBUTION_VERSION = 4
/** u32: bytes of the whole image. */
export const ATTRIBUTION_SIZE = 8
export const ATTRIBUTION_FEATURES = 12
export const ATTRIBUTION_TREES = 16
/** u32: rows of the reference set. */
export const ATTRIBUTION_REFERENCES = 20
/** u32: reasons of the catalogue, and how many a decision states at most. */
export const ATTRIBUTION_REASONS = 24
export const ATTRIBUTION_AT_MOST = 28
/** u32: offsets of the sections: FACTOR_… a feature, CAUSE_… a reason. */
export const ATTRIBUTION_FACTORS_AT = 32
export const ATTRIBUTION_CAUSES_AT = 36
/** u32: offset of u8[columns], the reason that each column of bins belongs to. */
export const ATTRIBUTION_COLUMNS_AT = 40
/** u32: offset of u8[references][stride], their bins; and the stride, a multiple of 16. */
export const ATTRIBUTION_BINS_AT = 44
export const ATTRIBUTION_BINS_BYTES = 48
/** u32: offset of the weights, f64 pairs by (features of the row, features of the reference). */
export const ATTRIBUTION_WEIGHTS_AT = 52
/**
 * u32: offset of the trees as each reference sees them. Where trees are small and columns few
 * TURNED_… [references][trees]; else u32[references][trees], their first forks. The other is 0.
 */
export const ATTRIBUTION_ROOTS_AT = 56
export const ATTRIBUTION_TURNED_AT = 60
/** f64: what a feature's sum is divided by; and the mean raw score of the references. */
export const ATTRIBUTION_DIVISOR = 64
export const ATTRIBUTION_MARGIN = 72
/** u32: bytes of a turned tree. */
export const ATTRIBUTION_TURNED_BYTES = 112
/** 32 bytes: those of the model's image. */
export const ATTRIBUTION_BINDING = 80
export const ATTRIBUTION_HEADER_BYTES = 128

/** A pair of weights. */
export const WEIGHTS_BYTES = 16

/** u32: byte offset of the feature in a row, its reason, and the direction that is adverse. */
export const FACTOR_VALUE_AT = 0
export const FACTOR_REASON = 4
export const FACTOR_DIRECTION = 8
/** f64: mean of the references that have it; NaN when none has. */
export const FACTOR_REFERENCE = 16
export const FACTOR_BYTES = 24
export const DIRECTION_ANY = 0
export const DIRECTION_HIGH = 1
export const DIRECTION_LOW = 2

/** u32: HMDA denial code; address and length of the encoded reason, the host's to fill in. */
export const CAUSE_DENIAL = 0
export const CAUSE_TEXT = 4
export const CAUSE_LENGTH = 8
export const CAUSE_BYTES = 12
/** HMDA denial codes run from 1 to it. */
export const DENIAL_CODES = 10
/** Reasons a catalogue can hold: their numbers are u8. */
export const CAUSES_MAX = 255

// Fork: a split or leaf of a tree as one reference row sees it. The next fork is where the
// reference goes from here.
/** u32: column of bins; of a leaf the byte offset of its weights. */
export const FORK_COLUMN = 0
/** u8: bin (biased), and flags. */
export const FORK_BIN = 4
export const FORK_FLAGS = 5
/** u16: feature. */
export const FORK_FEATURE = 6
/** u32: bytes from here to the fork where the reference does not go; of a leaf f64, its value. */
export const FORK_OTHER = 8
export const FORK_BYTES = 16
/** The reference goes right; the row alone decides, as its feature is the row's by now; a leaf. */
export const FORK_RIGHT = 1
export const FORK_SETTLED = 2
export const FORK_LEAF = 4

// Turned tree: what finds the splits at which a row goes another way than the reference, 32 splits
// at a time. Splits are numbered in the order of forks: behind each comes where the reference goes.
/** u64: the splits at which the reference goes right; those on its own way through the tree. */
export const TURNED_RIGHT = 0
export const TURNED_SPAN = 8
/** u32: offset of its links. */
export const TURNED_LINKS_AT = 16
/** u8[splits], padded: columns as lanes look them up (see assembly/lanes.ts); behind them bins. */
export const TURNED_SPLITS = 32
export const TURNED_GROUP_SPLITS = 32
/** Bits of a word, one of which stays free. */
export const TURNED_SPLITS_MAX = 63

// Tree that is to be descended, in the scratch.
/** u64: the splits at which row and reference go different ways. u32: offset of its links. */
export const PARTED_SPLITS = 0
export const PARTED_LINKS = 8
export const PARTED_BYTES = 16

// Link k: the way of the reference where the row alone went away from it, at split k - 1 (link 0 is
// its way from the root), to the leaf where it ends; and split k.
/** f64: value of the leaf. u64: the splits on the way. */
export const LINK_LEAF = 0
export const LINK_SPAN = 8
/** u64: splits on the feature of split k; 0 where that is the row's by now. */
export const LINK_ALIKE = 16
/** u32: byte offset of the leaf's weights; of the feature's value. */
export const LINK_WEIGHTS = 24
export const LINK_VALUE_AT = 28
export const LINK_BYTES = 32

/** Of a record: u8 reasons given, u8 reasons withheld, then the numbers of those given. */
export const SCORE_REASONS_BYTES = 16
export const SCORE_REASONS_MAX = 14
