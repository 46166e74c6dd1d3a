// A decimal as the double nearest to it; of two as near the one that ends in a 0 bit. Numbers below
// 2^53 with scales to 22 are one division of exact doubles; the rest is divided bit by bit.

/** Whole numbers up to here are exact doubles, and so is 10^22. */
const EXACT_MAX: u64 = 1 << 53
const EXACT_SCALE_MAX: u32 = 22
/** The 53 bits of a double, one for what is half of its last and one for all that is less. */
const QUOTIENT_BITS = 55

/** 10^scale, for scales to 38: below 2^127. */
let powerLow: u64 = 0
let powerHigh: u64 = 0

/**
 * The double nearest to the number of `size` bytes over 10^scale.
 *
 * @param size   1 to 16 bytes in two's complement, most significant first
 * @param scale  0 to 38
 */
export function decimalNumber(position: usize, size: u32, scale: u32): f64 {
  const isNegative = <i8>load<u8>(position) < 0
  let low: u64 = isNegative ? u64.MAX_VALUE : 0
  let high = low
  for (let i: u32 = 0; i < size; i++) {
    high = (high << 8) | (low >> 56)
    low = (low << 8) | (<u64>load<u8>(position + <usize>i))
  }
  if (isNegative) {
    low = ~low + 1
    high = ~high + u64(low == 0)
  }
  const value =
    high == 0 && low <= EXACT_MAX && scale <= EXACT_SCALE_MAX
      ? <f64>low / exactPower(scale)
      : quotient(high, low, scale)
  return isNegative ? -value : value
}

function exactPower(scale: u32): f64 {
  let power: f64 = 1
  for (let i: u32 = 0; i < scale; i++) power *= 10
  return power
}

function makePower(scale: u32): void {
  powerLow = 1
  powerHigh = 0
  for (let i: u32 = 0; i < scale; i++) {
    // Times 10 is times 8 and times 2.
    const low8 = powerLow << 3
    const high8 = (powerHigh << 3) | (powerLow >> 61)
    const low2 = powerLow << 1
    const high2 = (powerHigh << 1) | (powerLow >> 63)
    powerLow = low8 + low2
    powerHigh = high8 + high2 + u64(powerLow < low8)
  }
}

/** Long division, bit by bit: the remainder stays below the divisor, so twice it fits 128 bits. */
function quotient(high: u64, low: u64, scale: u32): f64 {
  if (high == 0 && low == 0) return 0
  makePower(scale)
  let restHigh: u64 = 0
  let restLow: u64 = 0
  let bits: u64 = 0
  let exponent = 0
  let isInexact = false
  for (let i = 127; bits >> (QUOTIENT_BITS - 1) == 0 || i >= 0; i--) {
    let next: u64 = 0
    if (i >= 64) next = (high >> (<u64>(i - 64))) & 1
    else if (i >= 0) next = (low >> (<u64>i)) & 1
    restHigh = (restHigh << 1) | (restLow >> 63)
    restLow = (restLow << 1) | next
    let bit: u64 = 0
    if (restHigh > powerHigh || (restHigh == powerHigh && restLow >= powerLow)) {
      const borrow = u64(restLow < powerLow)
      restLow -= powerLow
      restHigh -= powerHigh + borrow
      bit = 1
    }
    if (bits >> (QUOTIENT_BITS - 1) == 0) {
      bits = (bits << 1) | bit
      // Bits behind the point.
      if (i < 0) exponent--
    } else {
      // Bits before the point that the quotient has no room for.
      isInexact = isInexact || bit != 0
      exponent++
    }
  }
  isInexact = isInexact || (restHigh | restLow) != 0
  // The conversion rounds the two bits too many away, once.
  const mantissa = <f64>(bits | u64(isInexact))
  return mantissa * reinterpret<f64>((<u64>(1023 + exponent)) << 52)
}
