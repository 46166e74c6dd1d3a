// Bytes for a terminal: sixteen a line, with their text, and one of them in brackets.

const LINE_BYTES = 16

/**
 * @param marked   index of the byte to mark
 * @param showMax  bytes from the first on; the line of the marked one is shown in any case
 */
export function hexDump(bytes: Uint8Array, marked: number | undefined, showMax: number): string[] {
  const lines: string[] = []
  let isSkipping = false
  for (let at = 0; at < bytes.length; at += LINE_BYTES) {
    const isMarked = marked !== undefined && marked >= at && marked < at + LINE_BYTES
    if (at < showMax || isMarked) {
      lines.push(line(bytes, at, marked))
      isSkipping = false
    } else if (!isSkipping) {
      lines.push('…')
      isSkipping = true
    }
  }
  // A value that ends too early fails at the byte that is not there.
  if (marked === bytes.length) lines.push(`${address(marked)} [  ]`)
  return lines
}

function line(bytes: Uint8Array, at: number, marked: number | undefined): string {
  const part = bytes.subarray(at, at + LINE_BYTES)
  const cells = Array.from({ length: LINE_BYTES }, (_, i) => {
    const byte = part[i]
    const text = byte === undefined ? '  ' : byte.toString(16).padStart(2, '0')
    return at + i === marked ? `[${text}]` : ` ${text} `
  })
  const text = Array.from(part, (byte) => {
    return byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.'
  })
  return `${address(at)} ${cells.join('')} ${text.join('')}`
}

function address(at: number): string {
  return at.toString(16).padStart(8, '0')
}
