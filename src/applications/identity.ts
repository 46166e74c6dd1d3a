// Ids of applications that came without one: the same row at the same place gets the same id again,
// so that a file produced twice gives the same applications, not new ones.

import { sha256 } from '../hash.ts'

/**
 * A UUID from where a row stands and what it says: the first 16 bytes of SHA-256 over the line's
 * number, a line feed and the row's content, as a UUID of version 8.
 *
 * The file's name is left out: a copy gives the same ids, and a file that grows keeps them. Equal
 * rows at different lines are different applications.
 *
 * Source: RFC 9562, section 5.8, and appendix B.2 for SHA-256.
 *
 * @param line  1-based number of the line or record
 */
export function identify(line: number, content: string): string {
  return uuid(sha256(`${line}\n${content}`), 8)
}

const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** The first 16 bytes as a UUID's text, with its version and variant bits set (RFC 9562). */
export function uuid(bytes: Uint8Array, version: number): string {
  let text = ''
  for (let i = 0; i < 16; i++) {
    let byte = bytes[i]!
    if (i === 6) byte = (byte & 0x0f) | (version << 4)
    if (i === 8) byte = (byte & 0x3f) | 0x80
    if (i === 4 || i === 6 || i === 8 || i === 10) text += '-'
    text += HEX[byte]!
  }
  return text
}
