// What XGBoost computes with floats, in doubles.

const FLOAT_MAX = 3.4028234663852886e38
/** Where the float above FLOAT_MAX would be: a double that is rounded to it becomes infinity. */
const FLOAT_BEYOND = 2 ** 128

/**
 * The greatest double x for which `float(x) < threshold` holds; so that holds exactly when
 * `x <= floatThreshold(threshold)`.
 *
 * A double is rounded to the nearest float, and halfway between two to the one with an even last
 * bit. So what lies below the middle between the threshold and the float before it stays below the
 * threshold, and the middle itself does when the float before is the even one.
 *
 * @param threshold  a float above -infinity, below which nothing is
 */
export function floatThreshold(threshold: number): number {
  const before = floatBefore(threshold)
  const low = before === Number.NEGATIVE_INFINITY ? -FLOAT_BEYOND : before
  const high = threshold === Number.POSITIVE_INFINITY ? FLOAT_BEYOND : threshold
  const middle = low / 2 + high / 2
  return Math.fround(middle) < threshold ? middle : doubleBefore(middle)
}

function floatBefore(x: number): number {
  if (x === Number.POSITIVE_INFINITY) return FLOAT_MAX
  const view = new DataView(new ArrayBuffer(4))
  if (x === 0) {
    view.setUint32(0, 0x80000001)
  } else {
    view.setFloat32(0, x)
    view.setUint32(0, view.getUint32(0) + (x > 0 ? -1 : 1))
  }
  return view.getFloat32(0)
}

function doubleBefore(x: number): number {
  if (x === 0) return -Number.MIN_VALUE
  const view = new DataView(new ArrayBuffer(8))
  view.setFloat64(0, x)
  view.setBigUint64(0, view.getBigUint64(0) + (x > 0 ? -1n : 1n))
  return view.getFloat64(0)
}

/** kRtEps of XGBoost (include/xgboost/base.h), a float. */
const LEAST = Math.fround(1e-6)

/**
 * Log-odds of a base score as floats, as XGBoost computes them, to the last bit.
 *
 * @param probability  a float
 * @param bounded      whether it is first kept away from 0 and 1, as from version 3.2 on
 * Source: XGBoost, LogisticRegression::ProbToMargin (src/objective/regression_loss.h).
 */
export function floatLogit(probability: number, bounded: boolean): number {
  const p = bounded ? Math.min(Math.max(probability, LEAST), Math.fround(1 - LEAST)) : probability
  return -logf(Math.fround(Math.fround(1 / p) - 1))
}

/** 1/c and ln c for the middle c of each sixteenth of the mantissas. */
const LOG_TABLE: readonly (readonly [inverse: number, log: number])[] = [
  [1.398907162146528, -0.33569133332882284],
  [1.3403141896637998, -0.2929040563774074],
  [1.286432210124115, -0.2518726580937369],
  [1.2367150214269895, -0.21245868807117255],
  [1.1906977166711752, -0.17453945183745634],
  [1.1479821020556429, -0.1380057072319758],
  [1.1082251448272158, -0.10275976698545139],
  [1.0711297413057381, -0.06871392447020525],
  [1.036437278977283, -0.0357891387398228],
  [1, 0],
  [0.9492859795739057, 0.05204517742929496],
  [0.8951049428609004, 0.11081431298787942],
  [0.8476821620351103, 0.1652495223695143],
  [0.8050314851692001, 0.21687389031699977],
  [0.7664671008843108, 0.2659635028121397],
  [0.731428603316328, 0.3127556664073557],
]
const LN2 = 0.6931471805599453
const LOG_POLYNOMIAL = [-0.25089342214237154, 0.333456765744066, -0.4999997485802103] as const
/** Bits of the float where the table's range starts. */
const LOG_OFFSET = 0x3f330000

/**
 * The natural logarithm of a float above 0 as the C library has it: not always the nearest float,
 * and a base score's margin depends on it. Rounding Math.log instead gives another float for one
 * base score in nine hundred. Source: glibc, sysdeps/ieee754/flt-32/e_logf.c, the same since 2.27.
 */
function logf(x: number): number {
  if (x === 1) return 0
  if (x === 0) return Number.NEGATIVE_INFINITY
  if (x === Number.POSITIVE_INFINITY) return x
  const view = new DataView(new ArrayBuffer(4))
  const subnormal = x < 2 ** -126
  view.setFloat32(0, subnormal ? x * 2 ** 23 : x)
  const bits = view.getInt32(0) - (subnormal ? 23 << 23 : 0)
  const offset = (bits - LOG_OFFSET) | 0
  view.setInt32(0, bits - (offset & 0xff800000))
  const z = view.getFloat32(0)
  const [inverse, log] = LOG_TABLE[(offset >> 19) & 15]!
  const [a, b, c] = LOG_POLYNOMIAL
  const r = z * inverse - 1
  const start = log + (offset >> 23) * LN2
  const square = r * r
  return Math.fround((a * square + (b * r + c)) * square + (start + r))
}
