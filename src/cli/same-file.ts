// Whether two paths name one file: through links, and however they are written.

import { statSync } from 'node:fs'

/** False when one of them is not there, or cannot be looked at: reading or writing it tells why. */
export function isSameFile(a: string, b: string): boolean {
  const [one, other] = [a, b].map(identityOf)
  return one !== undefined && one.dev === other?.dev && one.ino === other.ino
}

function identityOf(path: string) {
  try {
    return statSync(path, { bigint: true })
  } catch {
    return undefined
  }
}
