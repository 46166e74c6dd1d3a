// SHA-256, the hash by which decisions name their model and policy.

/** SHA-256 of the bytes or of the text's UTF-8, 32 bytes. */
export function sha256(data: Uint8Array | string): Uint8Array {
  return new Uint8Array(new Bun.CryptoHasher('sha256').update(data).digest())
}

/** As 64 hexadecimal digits, what `sha256sum` prints. */
export function sha256Hex(data: Uint8Array | string): string {
  return sha256(data).toHex()
}
