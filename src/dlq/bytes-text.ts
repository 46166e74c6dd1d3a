// Bytes that somebody else wrote, as text for people: what would steer a terminal or cannot be seen
// is written as its code.

/** Bytes that are shown. */
const SHOWN_BYTES = 256

export function printable(text: string): string {
  return text.replace(/[\p{C}\u2028\u2029]/gu, (character) => {
    return `\\u{${character.codePointAt(0)!.toString(16)}}`
  })
}

/** As text in quotation marks where they are UTF-8, else as hexadecimal digits. */
export function bytesText(bytes: Uint8Array | null): string {
  if (bytes === null) return 'none'
  const cut = bytes.length > SHOWN_BYTES ? ` … (${bytes.length} bytes)` : ''
  const part = bytes.subarray(0, SHOWN_BYTES)
  try {
    const text = new TextDecoder('utf-8', { fatal: cut === '' }).decode(part)
    return printable(JSON.stringify(text)) + cut
  } catch {
    return `hex ${part.toHex()}${cut}`
  }
}
