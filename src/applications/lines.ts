// A text file line by line: in constant memory, numbered from 1, as UTF-8 that was checked. A line
// that is no UTF-8 or is too long harms no other.

import { createReadStream } from 'node:fs'
import { messageOf, usageError } from '../errors.ts'

export type Line = { number: number; text: string } | { number: number; problem: string }

const CHUNK_BYTES = 256 * 1024
/** A hundred times the longest application anybody has sent; beyond it, it is no text file. */
export const LINE_LENGTH_MAX = 1024 * 1024
const LINE_FEED = 10

/**
 * Reads the file's lines, without their ends (LF or CR LF), some thousand at a time.
 *
 * @throws OperatingError kind 'usage', code 'file', when the file cannot be read
 */
export async function* readLines(path: string): AsyncGenerator<Line[], void> {
  const splitter = new LineSplitter()
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES })) {
      yield splitter.push(chunk as Buffer)
    }
  } catch (error) {
    throw usageError('file', `cannot read ${path}: ${messageOf(error)}`, error)
  }
  yield splitter.end()
}

/** Cuts chunks, whose ends may lie anywhere, into lines. */
export class LineSplitter {
  private readonly decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  private lineCount = 0
  /** The line that the last chunk ended in. */
  private rest: Uint8Array[] = []
  private restBytes = 0

  push(chunk: Uint8Array): Line[] {
    const end = chunk.lastIndexOf(LINE_FEED) + 1
    if (end === 0) {
      this.keep(chunk)
      return []
    }
    const bytes = Buffer.concat([...this.rest, chunk.subarray(0, end - 1)])
    this.rest = []
    this.restBytes = 0
    this.keep(chunk.subarray(end))
    return this.cut(bytes)
  }

  /** The last line, when nothing ends it. */
  end(): Line[] {
    const bytes = Buffer.concat(this.rest)
    this.rest = []
    return bytes.length === 0 ? [] : this.cut(bytes)
  }

  private keep(bytes: Uint8Array): void {
    // A line that is too long already needs no more bytes to be refused. The longest character has
    // four, so that no line is refused for its bytes alone.
    if (bytes.length === 0 || this.restBytes > 4 * LINE_LENGTH_MAX) return
    this.rest.push(bytes)
    this.restBytes += bytes.length
  }

  private cut(bytes: Buffer): Line[] {
    const text = this.decode(bytes)
    if (text !== undefined) return text.split('\n').map((line) => this.line(line))
    const lines: Line[] = []
    for (let start = 0; start <= bytes.length;) {
      const next = bytes.indexOf(LINE_FEED, start)
      const end = next < 0 ? bytes.length : next
      lines.push(this.line(this.decode(bytes.subarray(start, end))))
      start = end + 1
    }
    return lines
  }

  private line(text: string | undefined): Line {
    this.lineCount++
    const number = this.lineCount
    if (text === undefined) return { number, problem: 'is not UTF-8' }
    if (text.length > LINE_LENGTH_MAX) {
      return { number, problem: `has more than ${LINE_LENGTH_MAX} characters` }
    }
    const whole = number === 1 && text.startsWith('\uFEFF') ? text.slice(1) : text
    return { number, text: whole.endsWith('\r') ? whole.slice(0, -1) : whole }
  }

  /** Undefined when the bytes are no UTF-8. */
  private decode(bytes: Uint8Array): string | undefined {
    try {
      return this.decoder.decode(bytes)
    } catch {
      return undefined
    }
  }
}
