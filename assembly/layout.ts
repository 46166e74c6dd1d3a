// Every structure that the host (TypeScript) and the module (AssemblyScript) both touch, in linear
// memory. Both sides import this file, so there is one definition. Plain numbers only: it must
// compile as TypeScript and as AssemblyScript. All values little-endian; offsets and sizes in
// bytes.

// ---- Context: one a model of a worker, at a fixed address for its life. Written by the host, read
// each batch.
/** i64: native address of linear memory's byte 0, for the pointers in rd_kafka_message_t. */
export const CONTEXT_NATIVE_BASE = 0
/** i64: Kafka offset of record 0 when the batch's offsets have no gap. */
export const CONTEXT_FIRST_OFFSET = 8
/** u32: address of i64[n] with each record's offset, or 0 when they have no gap. */
export const CONTEXT_OFFSETS = 16
/** u32: address of the spans, u32 pairs (address of the record's bytes, length). */
export const CONTEXT_SPANS = 20
/** u32: address of the table of writer schemas, and their count. */
export const CONTEXT_WRITERS = 24
export const CONTEXT_WRITER_COUNT = 28
/** u32: address of the rows, f64[n][columns], row-major; and bytes a row. */
export const CONTEXT_ROWS = 32
export const CONTEXT_ROW_BYTES = 36
/** u32: address of the application ids, u32 pairs (address, length). */
export const CONTEXT_IDS = 40
/** u32: address of u32[n], status of each record: 0 or class | field << 8. */
export const CONTEXT_STATUSES = 44
/** u32: address of u32[n], address of the writer entry each record was decoded with. */
export const CONTEXT_WRITER_OF = 48
/** u32: address of the model's image (see IMAGE_…). */
export const CONTEXT_IMAGE = 52
/** u32: address of the quantised blocks, u8[blocks][2][columns][64]: bins, and complements. */
export const CONTEXT_BINS = 56
/** u32: address of scratch for leaf indices, u8[2][TILE_TREES][64] and at least u8[trees + 32]. */
export const CONTEXT_LEAF_INDICES = 60
/** u32: address of f64[n], raw scores. */
export const CONTEXT_MARGINS = 64
/** u32: address of the policy (see POLICY_…). */
export const CONTEXT_POLICY = 68
/** u32: address of u8[n], decision of each record (index of DECISION_…). */
export const CONTEXT_DECISIONS = 72
/** u32: address of u64[n], set of reasons that fired, bit i = reason i of the policy. */
export const CONTEXT_REASONS = 76
/** u32: address of the encode plan (ENCODE_… steps). */
export const CONTEXT_ENCODE_PLAN = 80
/** u32: address of the output bytes. */
export const CONTEXT_OUTPUT = 84
/** u32: address of rd_kafka_message_t[n] for produce. */
export const CONTEXT_MESSAGES = 88
/** u32: address of the result (see RESULT_…). */
export const CONTEXT_RESULT = 92
/** u32: address of u32[n], where in the record its fault lies; written for records with one. */
export const CONTEXT_FAULTS = 96
/** u32: address of u8[n][36], the ids that are written as 16 bytes and told as text. */
export const CONTEXT_UUIDS = 100
/** u32: address of what a record's header names its schema by (HEADER_…), or 0: none is read. */
export const CONTEXT_HEADERS = 104
/** u32: addresses of a registry's ids and GUIDs (NAMED_…), each ascending, and how many. */
export const CONTEXT_REGISTRY_IDS = 108
export const CONTEXT_REGISTRY_ID_COUNT = 112
export const CONTEXT_GUIDS = 116
export const CONTEXT_GUID_COUNT = 120
/** u32: 1 when a record may start with 0 and a registry's id. */
export const CONTEXT_USES_REGISTRY = 124
/** u32: address of the writer entry of records without framing, or 0: there are none. */
export const CONTEXT_RAW_WRITER = 128
/** u32: address of rd_kafka_message_t[n], once more those of the referred decisions; or 0. */
export const CONTEXT_REFERRED = 132
/** u32: address of the attribution image (see ATTRIBUTION_…), or 0 for a model without one. */
export const CONTEXT_ATTRIBUTION = 136
/** u32: address of the scratch that it needs. */
export const CONTEXT_ATTRIBUTION_SCRATCH = 140
/** u32: address of u8[n][SCORE_REASONS_BYTES], the reasons each record's score gives. */
export const CONTEXT_SCORE_REASONS = 144
export const CONTEXT_BYTES = 152

// ---- Result of one batch, written by the module.
/** u32: decisions encoded, and bytes they take. */
export const RESULT_DECIDED = 0
export const RESULT_OUTPUT_BYTES = 4
/** u32: records that could not be decided; their statuses say why. */
export const RESULT_DEAD = 8
/** u32[3]: decisions by outcome. */
export const RESULT_OUTCOMES = 16
/** u32[64]: how often each reason was given. */
export const RESULT_REASONS = 32
/** u32[3][3]: of a challenger, records by the champion's outcome and its own. */
export const RESULT_PAIRS = 288
/** u32[10]: score reasons given, by HMDA denial code less 1; and those that were withheld. */
export const RESULT_DENIALS = 324
export const RESULT_WITHHELD = 364
export const RESULT_BYTES = 368

// ---- Decisions, in the order of the enum in schemas/loan_decision.
export const DECISION_APPROVED = 0
export const DECISION_REJECTED = 1
export const DECISION_REFERRED = 2
export const OUTCOMES = 3

// ---- Status classes of a record.
export const STATUS_OK = 0
/** Shorter than a single-object header, or without its marker C3 01. */
export const STATUS_UNKNOWN_FRAMING = 1
/** The fingerprint is of no known schema. */
export const STATUS_UNKNOWN_SCHEMA = 2
/** The record ends before its last field. Its fault is where the next byte is missing. */
export const STATUS_TRUNCATED = 3
/** A varint longer than its type allows. */
export const STATUS_BAD_VARINT = 4
/** Bytes are left after the last field. */
export const STATUS_TRAILING_BYTES = 5
/** A union branch that the writer schema does not have, or that the reader cannot read. */
export const STATUS_BAD_BRANCH = 6
/** A value outside the bounds that the schema file states, NaN included. */
export const STATUS_IMPOSSIBLE_VALUE = 7
/** A length below zero, beyond the record's end, or above a limit. */
export const STATUS_BAD_LENGTH = 8
/** A string that is not UTF-8. */
export const STATUS_BAD_STRING = 9
/** Writer schema known, but it cannot be read as the newest schema. */
export const STATUS_INCOMPATIBLE_SCHEMA = 10
/** An enum symbol that the writer schema does not have, or that the reader has no place for. */
export const STATUS_BAD_SYMBOL = 11
/** Containers within containers, more than DEPTH_MAX. */
export const STATUS_TOO_DEEP = 12
/** The registry's id or GUID is of no schema that was brought so far. */
export const STATUS_UNKNOWN_ID = 13
/** The header that names the schema is neither a GUID nor an id. */
export const STATUS_BAD_HEADER = 14

// ---- Writer schemas: fingerprint and where its decode plan starts (0: cannot be read).
export const WRITER_FINGERPRINT = 0
export const WRITER_PLAN = 8
export const WRITER_BYTES = 16

// ---- Schemas of a registry: what a record names one by, and the writer entry.
/** u64: of a GUID its first and its last 8 bytes as numbers; the id, and 0. */
export const NAMED_HIGH = 0
export const NAMED_LOW = 8
/** u32: address of the writer entry. */
export const NAMED_WRITER = 16
export const NAMED_BYTES = 24

// ---- What a record's header names the schema by: NAMED_HIGH and NAMED_LOW, and u32: HEADER_….
export const HEADER_KIND = 16
export const HEADER_BYTES = 24
export const HEADER_NONE = 0
export const HEADER_GUID = 1
export const HEADER_ID = 2
/** There is one, and it is neither. */
export const HEADER_BAD = 3

// ---- Decode plan: steps of 32 bytes over the writer's fields, in the writer's order.
/** u32: DECODE_… */
export const STEP_CODE = 0
/** u32: byte offset of the column in the row. */
export const STEP_COLUMN = 4
/** u32: index of the field, for the status. */
export const STEP_FIELD = 8
/**
 * u32: fixed: size; enum: symbols; nullable: index of the null branch; union: branches. Of a step
 * with a block or a table: where that starts, as distance from the step, modulo 2^32.
 */
export const STEP_ARGUMENT = 12
/** f64: smallest and largest possible value; of DECODE_CONSTANT the value. */
export const STEP_MINIMUM = 16
export const STEP_MAXIMUM = 24
export const STEP_BYTES = 32

export const DECODE_END = 0
export const DECODE_DOUBLE = 1
export const DECODE_FLOAT = 2
export const DECODE_INT = 3
export const DECODE_LONG = 4
export const DECODE_BOOLEAN = 5
/** Union of null and another type: null stores NaN and jumps over the next step. */
export const DECODE_NULLABLE = 6
export const DECODE_NULLABLE_DOUBLE = 7
export const DECODE_NULLABLE_INT = 8
/** The string that identifies the application. */
export const DECODE_ID = 9
/** Longest id: it is the decision's key and a part of its value, and both must fit a record. */
export const ID_BYTES_MAX = 1024
/** A default of the reader schema for a field the writer does not have. */
export const DECODE_CONSTANT = 10
export const DECODE_SKIP_VARINT = 11
export const DECODE_SKIP_BYTES = 12
export const DECODE_SKIP_FIXED = 13
export const DECODE_SKIP_ENUM = 14
export const DECODE_SKIP_BOOLEAN = 15
/** Any other union: STEP_ARGUMENT branches follow, each of which is one step. */
export const DECODE_UNION = 16
export const DECODE_SKIP_NOTHING = 17
/** An int or long that the reader has as a float: rounded to one. */
export const DECODE_INT_AS_FLOAT = 18
export const DECODE_LONG_AS_FLOAT = 19
/** Ends a block: steps that lie behind the plan's own and are run from within. */
export const DECODE_RETURN = 20
/** Runs a block. */
export const DECODE_CALL = 21
/** Runs the block of a record that a union holds, which counts towards DEPTH_MAX. */
export const DECODE_CALL_RECORD = 22
/** A branch that the reader cannot read. */
export const DECODE_UNREADABLE = 23
/** Arrays and maps with the block of one item. A block that says its size is skipped at once. */
export const DECODE_ARRAY = 24
export const DECODE_MAP = 25
export const DECODE_SKIP_ARRAY = 26
export const DECODE_SKIP_MAP = 27
/**
 * Behind DECODE_ARRAY and DECODE_MAP, one a column: how many items there are, the first one's
 * number, the largest number. STEP_ARGUMENT is where an item's number lies in the scratch row.
 */
export const DECODE_ITEM_COUNT = 28
export const DECODE_ITEM_FIRST = 29
export const DECODE_ITEM_MAXIMUM = 30
/** An int or a boolean that no column wants and that the reader has nevertheless. */
export const DECODE_CHECK_INT = 31
export const DECODE_CHECK_BOOLEAN = 32
/** An enum by a table: u32 symbols, then u32 of each its index in the reader, or NO_SYMBOL. */
export const DECODE_ENUM = 33
/** An int or long in another unit of time, by a table (TIME_…). */
export const DECODE_TIME = 34
/** Decimals: STEP_ARGUMENT is scale | size << 8; the bytes' size is on the wire. */
export const DECODE_DECIMAL_BYTES = 35
export const DECODE_DECIMAL_FIXED = 36
/** The id as the 16 bytes of a UUID. */
export const DECODE_ID_UUID = 37
/**
 * At the end of a record: a feature in another unit than its field, whose number lies at
 * STEP_ARGUMENT in the row. STEP_MINIMUM is what it is multiplied with, or divided by.
 */
export const DECODE_MULTIPLY = 38
export const DECODE_DIVIDE = 39
/**
 * First of a plan that holds plain values only. STEP_COLUMN: bytes of the row; STEP_ARGUMENT: where
 * the columns' bounds are (see BOUNDS_…), as distance from the step.
 */
export const DECODE_PLAIN = 40

/** Bounds of two neighbouring columns, f64 each: minima, then maxima. */
export const BOUNDS_MAXIMA = 16
export const BOUNDS_BYTES = 32

/** STEP_COLUMN of a value that is read for its faults alone. */
export const NO_COLUMN = 0xffffffff
export const NO_SYMBOL = 0xffffffff
/** u64: what a time is multiplied with, then divided by (rounded down). */
export const TIME_MULTIPLIER = 0
export const TIME_DIVISOR = 8
/** u32: most bytes of its varint: that of an int or a long. */
export const TIME_VARINT_BYTES = 16
export const TIME_BYTES = 24
/** Items of all arrays and maps of a record. Without a limit one of nulls could say 2^63. */
export const ITEMS_MAX = 65536
/** Arrays, maps and records of unions that lie within each other. */
export const DEPTH_MAX = 64
/** Numbers that are wanted of an item. */
export const SCRATCH_COLUMNS_MAX = 64
/** Of a decimal that is read as a number: 38 digits, as databases have them. */
export const DECIMAL_BYTES_MAX = 16
export const DECIMAL_SCALE_MAX = 38

// ---- Model image: what the compiler writes into tables.bin, position-independent (offsets from
// its first byte). Layout changes raise IMAGE_VERSION.
export const IMAGE_MAGIC_VALUE = 0x544d534c // "LSMT"
export const IMAGE_VERSION_VALUE = 5
export const IMAGE_MAGIC = 0
export const IMAGE_VERSION = 4
/** u32: bytes of the whole image. */
export const IMAGE_SIZE = 8
/** u32: features a row holds, in its first columns. */
export const IMAGE_FEATURES = 12
/** u32: entries of the quantiser. */
export const IMAGE_ENTRIES = 16
/** u32: u8 columns the quantiser writes; a block holds as many again, their complements. */
export const IMAGE_COLUMNS = 20
export const IMAGE_TREES = 24
/** u32: leaf values kept a tree (the most leaves of any tree, rounded up). */
export const IMAGE_LEAF_STRIDE = 28
/** u32: splits of the tree with most splits: so many nodes of a walk have room. */
export const IMAGE_STEPS = 32
/** u32: offsets of the sections. Of lanes and nodes one is there at most, the other's is 0. */
export const IMAGE_ENTRIES_AT = 36
export const IMAGE_SPLIT_COUNTS_AT = 40
export const IMAGE_SPLITS_AT = 44
export const IMAGE_LEAVES_AT = 48
export const IMAGE_LANES_AT = 52
/** f64: factor of the raw score in the logistic function (LightGBM's `sigmoid`). */
export const IMAGE_SIGMOID = 56
/** f64: what a row's sum starts from, and what it is divided by at the end. */
export const IMAGE_BASE = 64
export const IMAGE_DIVISOR = 72
/** u32: 1 when the sum is rounded to a float after each tree. */
export const IMAGE_FLOAT32 = 80
/** u32: 1 when the raw score is no log-odds. */
export const IMAGE_IDENTITY = 84
/** 32 bytes: SHA-256 of model hash, name and features, which binds the manifest to the tables. */
export const IMAGE_BINDING = 88
export const IMAGE_NODES_AT = 120
/** u32: offset of the leaf values by the numbers of the kernels of one row. */
export const IMAGE_ROW_LEAVES_AT = 124
/** u8[128]: when n rows are left, up to 128, the next kernel takes as many as byte n - 1 says. */
export const IMAGE_PLAN = 128
/** u32: offset of the pairs of features that a lone row is quantised by (TWIN_…); their count. */
export const IMAGE_TWINS_AT = 256
export const IMAGE_TWINS = 260
/** u32: offset of u32[], the offsets of the entries that are splits by category; their count. */
export const IMAGE_CATEGORIES_AT = 264
export const IMAGE_CATEGORIES = 268
export const IMAGE_HEADER_BYTES = 320
/** Rows that the largest kernel takes, and a plan knows of. */
export const PLAN_ROWS = 128

/** Rows a step of the block kernel takes. */
export const BLOCK_ROWS = 64
/** Columns the kernel of lanes can look up: two registers of 16. */
export const LANE_COLUMNS_MAX = 32
/** Trees the kernel of lanes takes at once: two registers of 16, or one for the last up to 16. */
export const LANE_TREES = 32
/** Least bytes of a row's bins: the walking kernel reads, and ignores, one for each leaf number. */
export const BINS_BYTES_MIN = 256

// Entry of the quantiser: one a feature, missing type and range of at most 255 thresholds.
/** f64: cell of x = clamp((x - low) * scale, 0, last). */
export const ENTRY_LOW = 0
export const ENTRY_SCALE = 8
export const ENTRY_LAST_CELL = 16
/** u32: feature, as byte offset in the row. */
export const ENTRY_FEATURE_AT = 24
/** u32: offset of u8[cells], thresholds below each cell. */
export const ENTRY_CELLS_AT = 28
/** u32: offset of f64[], the thresholds, ascending, padded with +inf. */
export const ENTRY_THRESHOLDS_AT = 32
/** u32: comparisons after the cell table: ceil(log2(most thresholds in a cell + 1)). */
export const ENTRY_COMPARISONS = 36
/** u32: MISSING_… */
export const ENTRY_MISSING = 40
/** u32: columns written, 1 or 2, and their byte offsets in a block (column * 64). */
export const ENTRY_COLUMNS = 44
export const ENTRY_COLUMN_A = 48
export const ENTRY_COLUMN_B = 52
/** u8: bin of a missing value in either column, biased by 128. */
export const ENTRY_MISSING_BIN_A = 56
export const ENTRY_MISSING_BIN_B = 60
/** u8: bin of a listed category; MISSING_BIN_B is that of an unlisted one, MISSING_BIN_A NaN's. */
export const ENTRY_LISTED_BIN = 57
/** u32: 1 when a category is rounded to a float first. */
export const ENTRY_FLOAT32 = 36
export const ENTRY_BYTES = 64

/** NaN counts as 0.0. */
export const MISSING_NONE = 0
/** NaN is missing. */
export const MISSING_NAN = 1
/** NaN and |x| <= 1e-35 are missing. */
export const MISSING_ZERO = 2
/**
 * A split by category. ENTRY_CELLS_AT: bit set of the listed ones; ENTRY_LOW: there is no category
 * at or below; ENTRY_LAST_CELL: nor at or above (the bits of the set).
 */
export const MISSING_CATEGORY = 3

// Splits of the kernels of many rows: of each tree its pairs, then its single splits.
/** Pair: parent leaf, bin of the outer and of the inner split, u8 x 16 each; and single split. */
export const SPLIT_PARENT = 0
export const SPLIT_BIN = 16
export const PAIR_INNER_BIN = 32
/** u32: byte offsets of the columns in a block. */
export const PAIR_COLUMN_AT = 48
export const PAIR_INNER_COLUMN_AT = 52
export const PAIR_BYTES = 64
export const SPLIT_COLUMN_AT = 32
export const SPLIT_BYTES = 48
/** Of a tree u32: pairs, and single splits shifted by 16. */
export const SINGLES_SHIFT = 16
/** Trees whose leaf values are added at once, while they are in the nearest cache. */
export const TILE_TREES = 16

// Node of the walking kernel: u32. Node i of eight neighbouring trees lies in eight neighbouring
// words, which makes a node's number a byte offset that all eight share.
/** Bin (biased), in the lowest byte; of a leaf the greatest, which no row's bin exceeds. */
export const NODE_LEAF_BIN = 0x7f
/** Set in a split, clear in a leaf. */
export const NODE_IS_SPLIT = 1 << 8
/** Number of the left child, 9 bits; the right one is the next. A leaf names itself. */
export const NODE_LEFT_SHIFT = 9
/** Column, 14 bits; of a leaf its number. */
export const NODE_COLUMN_SHIFT = 18
export const NODE_COLUMNS_MAX = 1 << 14
/** Trees the walking kernel takes at once, and the bytes of their nodes of one number. */
export const NODE_TREES = 8
export const NODE_BYTES = 4 * NODE_TREES

// ---- Policy: header, then clauses.
/** f64: margins at or above are rejected; above the second (and below the first) referred. */
export const POLICY_REJECT_FROM = 0
export const POLICY_REFER_ABOVE = 8
/** f64: score = clamp(nearest(offset - factor * margin), lowest, highest). */
export const POLICY_SCORE_OFFSET = 16
export const POLICY_SCORE_FACTOR = 24
export const POLICY_SCORE_LOWEST = 32
export const POLICY_SCORE_HIGHEST = 40
/** u64: set of reasons (bits) whose outcome is rejection. */
export const POLICY_REJECTING = 48
/** u32: bit of the reason given when the margin rejects, or refers. */
export const POLICY_REJECT_REASON = 56
export const POLICY_REFER_REASON = 60
/** u32: bytes of all clauses. */
export const POLICY_CLAUSES_BYTES = 64
/** u32: address of u32 pairs (address, length): each reason, Avro-encoded. */
export const POLICY_REASON_TEXTS = 68
export const POLICY_HEADER_BYTES = 72
/** Reasons a policy can hold: bits of a u64. */
export const REASONS_MAX = 64

// Clause: a reason that is given when all of the conditions behind it hold. A reason may have
// several clauses.
/** u32: bit of the reason; and bytes of the clause, its conditions included. */
export const CLAUSE_REASON = 0
export const CLAUSE_BYTES = 4
export const CLAUSE_HEADER_BYTES = 8

// Condition: a value lies in one of the ranges, or is missing. Its ranges lie behind it: f64 pairs,
// both ends inclusive, ascending.
/** u32: byte offset of the field's column; of a ratio the dividend's, and the divisor's. */
export const CONDITION_COLUMN = 0
/** NO_COLUMN where the value is no ratio. */
export const CONDITION_DIVISOR = 4
/** u32: 1 when a missing value meets it. */
export const CONDITION_MISSING = 8
/** u32: how many ranges. */
export const CONDITION_RANGES = 12
export const CONDITION_HEADER_BYTES = 16
export const RANGE_LOW = 0
export const RANGE_HIGH = 8
export const RANGE_BYTES = 16

// ---- Encode plan: steps of 12 bytes (u32 code, u32 address, u32 length).
export const ENCODE_CODE = 0
export const ENCODE_ADDRESS = 4
export const ENCODE_LENGTH = 8
export const ENCODE_STEP_BYTES = 12
export const ENCODE_END = 0
/** Bytes that are the same in every decision of this partition. */
export const ENCODE_CONSTANT = 1
export const ENCODE_ID = 2
export const ENCODE_DECISION = 3
export const ENCODE_MARGIN = 4
export const ENCODE_PROBABILITY = 5
export const ENCODE_SCORE = 6
export const ENCODE_REASONS = 7
/** The writer's fingerprint, most significant byte first. */
export const ENCODE_WRITER = 8
export const ENCODE_OFFSET = 9

// ---- rd_kafka_message_t, rdkafka.h 2.15, 64-bit.
export const MESSAGE_ERR = 0
export const MESSAGE_PARTITION = 16
export const MESSAGE_PAYLOAD = 24
export const MESSAGE_LEN = 32
export const MESSAGE_KEY = 40
export const MESSAGE_KEY_LEN = 48
export const MESSAGE_OFFSET = 56
export const MESSAGE_PRIVATE = 64
export const MESSAGE_BYTES = 72

/** Most bytes of a varint, by its type. */
export const INT_VARINT_BYTES = 5
export const LONG_VARINT_BYTES = 10

/** Bytes past the last decision's end that encode may write (never says so). */
export const OUTPUT_PADDING = 16

/** Bytes past the last record's end that decode may read (never uses) while it finds the end. */
export const INPUT_PADDING = 1024
