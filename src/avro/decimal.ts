// A decimal as a double. Source: Avro 1.12 specification, "Decimal".

/**
 * The double nearest to unscaled / 10^scale; of two as near the one that ends in a 0 bit.
 *
 * @param bytes  the unscaled number in two's complement, most significant byte first
 */
export function decimalNumber(bytes: Uint8Array, scale: number): number {
  const unscaled = bytes.length === 0 ? 0n : BigInt(`0x${bytes.toHex()}`)
  // The text is read as the nearest double: ECMAScript asks for that of every numeric literal.
  return Number(`${BigInt.asIntN(8 * bytes.length, unscaled)}e-${scale}`)
}
