// Avro object container files: header, blocks and their sync markers. Source: Avro 1.12
// specification, "Object Container Files". Codecs: null and deflate.
//
// The framing is our own, because avsc's BlockDecoder takes a file that was cut off for a complete
// one and drops its last block without a word, and gives no raw records. What lies within a block
// is avsc's business.

import { type FileHandle, open, rename, rm } from 'node:fs/promises'
import { deflateRawSync, inflateRawSync } from 'node:zlib'
import { Type } from 'avsc'
import { singleObjectHeader } from '../avro/fingerprint.ts'
import { ByteWriter } from '../avro/bytes.ts'
import type { SchemaVersion } from '../avro/schema-files.ts'
import type { Json } from '../avro/schema.ts'
import { type OperatingError, assert, messageOf, usageError } from '../errors.ts'
import { sha256 } from '../hash.ts'
import { parseSchemaJson, schemaText } from '../avro/schema-json.ts'

export type Codec = 'null' | 'deflate'

export type Block = {
  /** Records in it, at least one. */
  count: number
  /** The records one after another, uncompressed. */
  data: Buffer
  /** Number of its first record in the file, from 1. */
  firstRecord: number
}

const MAGIC = Buffer.from('Obj\x01', 'latin1')
const SYNC_BYTES = 16
const VARINT_BYTES_MAX = 10
const CHUNK_BYTES = 256 * 1024
/** A header holds a schema. */
const HEADER_BYTES_MAX = 16 * 1024 * 1024
/** Of one block, compressed and not: writers make them of about 64 KiB. */
const BLOCK_BYTES_MAX = 256 * 1024 * 1024
/** A block is closed by the record that makes it this long. Java's default. */
const BLOCK_BYTES = 64_000

const LONG = Type.forSchema('long')

/** A container that is being read, front to back. Close it. */
export class ContainerReader implements AsyncDisposable {
  readonly path: string
  /** The writer's schema as the header has it. */
  readonly schemaJson: Json
  private readonly bytes: FileWindow
  private readonly codec: Codec
  private readonly sync: Buffer

  private constructor(bytes: FileWindow, path: string, header: Header) {
    this.bytes = bytes
    this.path = path
    this.schemaJson = header.schemaJson
    this.codec = header.codec
    this.sync = header.sync
  }

  /**
   * Opens the file and reads its header.
   *
   * @throws OperatingError kind 'usage', code 'file' or 'container'
   */
  static async open(path: string): Promise<ContainerReader> {
    const bytes = await FileWindow.open(path)
    try {
      return new ContainerReader(bytes, path, await readHeader(bytes, path))
    } catch (error) {
      await bytes.close()
      throw error
    }
  }

  /**
   * The blocks, up to the file's end.
   *
   * @throws OperatingError kind 'usage', code 'container', naming file and place of the damage
   */
  async *blocks(): AsyncGenerator<Block, void> {
    let firstRecord = 1
    while (await this.bytes.has(1)) {
      const damaged = damageAt(this.path, `the block at byte ${this.bytes.offset}`)
      const { count, size } = await this.blockHeader(damaged)
      if (!(await this.bytes.has(size + SYNC_BYTES))) throw damaged('is cut off')
      const stored = this.bytes.take(size)
      if (!this.bytes.take(SYNC_BYTES).equals(this.sync)) throw damaged('has no sync marker behind')
      if (count === 0) continue
      const data = this.codec === 'null' ? stored : inflate(stored, damaged)
      // No record of an application has no bytes; without this a damaged count never ends.
      if (count > data.length) throw damaged(`says ${count} records in ${data.length} bytes`)
      yield { count, data, firstRecord }
      firstRecord += count
    }
  }

  private async blockHeader(damaged: Damage): Promise<{ count: number; size: number }> {
    await this.bytes.has(2 * VARINT_BYTES_MAX)
    const count = this.long(damaged)
    const size = this.long(damaged)
    if (count < 0 || size < 0) throw damaged(`says ${count} records and ${size} bytes`)
    if (size > BLOCK_BYTES_MAX) throw damaged(`says ${size} bytes; at most ${BLOCK_BYTES_MAX}`)
    return { count, size }
  }

  private long(damaged: Damage): number {
    const read = readLong(this.bytes.unread, 0)
    if (!read) throw damaged('is cut off, or no block')
    this.bytes.take(read.end)
    return read.value
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.bytes.close()
  }
}

type Damage = (what: string) => OperatingError

export function damageAt(path: string, place: string): Damage {
  return (what) => usageError('container', `${path}: ${place} ${what}`)
}

type Header = { schemaJson: Json; codec: Codec; sync: Buffer }

async function readHeader(bytes: FileWindow, path: string): Promise<Header> {
  const damaged = damageAt(path, 'the header')
  if (!(await bytes.has(MAGIC.length)) || !bytes.take(MAGIC.length).equals(MAGIC)) {
    throw usageError('container', `${path}: is no Avro object container file`)
  }
  const metadata = await readMetadata(bytes)
  if (!metadata) throw damaged('is cut off, or damaged')
  bytes.take(metadata.end)
  if (!(await bytes.has(SYNC_BYTES))) throw damaged('is cut off')
  const sync = Buffer.from(bytes.take(SYNC_BYTES))
  const codec = metadata.values.get('avro.codec')?.toString() ?? 'null'
  if (codec !== 'null' && codec !== 'deflate') {
    throw damaged(`names the codec "${codec}"; null and deflate are read`)
  }
  const schema = metadata.values.get('avro.schema')
  if (!schema) throw damaged('holds no schema')
  return { schemaJson: parseSchemaJson(schema.toString(), `${path}: the schema`), codec, sync }
}

type Metadata = { values: Map<string, Buffer>; end: number }

/** Nothing says how long it is: more is read until it is whole. */
async function readMetadata(bytes: FileWindow): Promise<Metadata | undefined> {
  for (let size = CHUNK_BYTES; size <= HEADER_BYTES_MAX; size *= 2) {
    const more = await bytes.has(size)
    const metadata = parseMetadata(bytes.unread)
    if (metadata || !more) return metadata
  }
  return undefined
}

/** A map of bytes; undefined when it is not whole. avsc would believe any count it finds. */
function parseMetadata(bytes: Buffer): Metadata | undefined {
  const values = new Map<string, Buffer>()
  let at = 0
  for (;;) {
    let read = readLong(bytes, at)
    if (!read) return undefined
    at = read.end
    if (read.value === 0) return { values, end: at }
    let count = read.value
    if (count < 0) {
      // A negative count has the block's bytes behind it.
      count = -count
      read = readLong(bytes, at)
      if (!read) return undefined
      at = read.end
    }
    for (let i = 0; i < count; i++) {
      const key = readBytes(bytes, at)
      const value = key && readBytes(bytes, key.end)
      if (!value) return undefined
      values.set(key.value.toString(), value.value)
      at = value.end
    }
  }
}

function readLong(bytes: Buffer, at: number): { value: number; end: number } | undefined {
  try {
    const { value, offset } = LONG.decode(bytes, at)
    return offset < 0 ? undefined : { value: value as number, end: offset }
  } catch {
    return undefined // beyond 2^53
  }
}

function readBytes(bytes: Buffer, at: number): { value: Buffer; end: number } | undefined {
  const length = readLong(bytes, at)
  if (!length || length.value < 0 || length.value > bytes.length - length.end) return undefined
  const end = length.end + length.value
  return { value: bytes.subarray(length.end, end), end }
}

function inflate(stored: Buffer, damaged: Damage): Buffer {
  try {
    return inflateRawSync(stored, { maxOutputLength: BLOCK_BYTES_MAX })
  } catch (error) {
    throw damaged(`cannot be inflated: ${messageOf(error)}`)
  }
}

/** The file's next bytes. */
class FileWindow {
  /** What was read ahead and not taken. */
  unread: Buffer = Buffer.alloc(0)
  /** Where `unread` starts in the file. */
  offset = 0
  private readonly path: string
  private readonly file: FileHandle
  private readonly size: number

  private constructor(path: string, file: FileHandle, size: number) {
    this.path = path
    this.file = file
    this.size = size
  }

  static async open(path: string): Promise<FileWindow> {
    try {
      const file = await open(path)
      const status = await file.stat()
      if (status.isFile()) return new FileWindow(path, file, status.size)
      await file.close()
    } catch (error) {
      throw unreadable(path, error)
    }
    throw usageError('file', `cannot read ${path}: is no file`)
  }

  /** Reads ahead until `unread` holds so many bytes; false when the file ends before. */
  async has(count: number): Promise<boolean> {
    const at = this.offset + this.unread.length
    const missing = count - this.unread.length
    if (missing <= 0) return true
    // The file's size is asked first: what a damaged block says must not be allocated.
    const wanted = Math.min(Math.max(missing, CHUNK_BYTES), this.size - at)
    if (wanted <= 0) return false
    const bytes = Buffer.allocUnsafe(this.unread.length + wanted)
    bytes.set(this.unread)
    let end = this.unread.length
    try {
      while (end < bytes.length) {
        const { bytesRead } = await this.file.read(
          bytes,
          end,
          bytes.length - end,
          this.offset + end,
        )
        if (bytesRead === 0) break // the file has been cut meanwhile
        end += bytesRead
      }
    } catch (error) {
      throw unreadable(this.path, error)
    }
    this.unread = bytes.subarray(0, end)
    return end >= count
  }

  take(count: number): Buffer {
    assert(count <= this.unread.length, `${count} bytes were asked for before they were read`)
    const taken = this.unread.subarray(0, count)
    this.unread = this.unread.subarray(count)
    this.offset += count
    return taken
  }

  close(): Promise<void> {
    return this.file.close()
  }
}

function unreadable(path: string, cause: unknown): OperatingError {
  return usageError('file', `cannot read ${path}: ${messageOf(cause)}`, cause)
}

/**
 * Writes records, each in single-object encoding under the schema, as a container file. The file
 * appears under its name when it is complete. The same records give the same bytes.
 *
 * @returns how many records were written
 * @throws OperatingError kind 'usage', code 'file', when the file cannot be written
 */
export async function writeContainer(
  path: string,
  schema: SchemaVersion,
  records: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  codec: Codec = 'null',
): Promise<number> {
  const partial = `${path}.partial`
  try {
    const file = await open(partial, 'w')
    let written: number
    try {
      written = await writeBlocks(file, schema, records, codec)
    } finally {
      await file.close()
    }
    await rename(partial, path)
    return written
  } catch (error) {
    await rm(partial, { force: true })
    if (!isSystemError(error)) throw error
    throw usageError('file', `cannot write ${path}: ${messageOf(error)}`, error)
  }
}

/** Of the file system, rather than of whoever makes the records. */
function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error
}

async function writeBlocks(
  file: FileHandle,
  schema: SchemaVersion,
  records: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  codec: Codec,
): Promise<number> {
  const text = schemaText(schema.json)
  // The specification asks for a random marker. This one is as unlikely to occur within a block,
  // and makes files of the same records equal.
  const sync = sha256(text).subarray(0, SYNC_BYTES)
  const header = new ByteWriter().raw(MAGIC).long(2)
  header.string('avro.schema').string(text).string('avro.codec').string(codec)
  await file.writeFile(header.long(0).raw(sync).take())
  const marker = singleObjectHeader(schema.fingerprint)
  let written = 0
  let pending: Uint8Array[] = []
  let pendingBytes = 0
  const flush = async () => {
    const data = Buffer.concat(pending)
    const stored = codec === 'null' ? data : deflateRawSync(data)
    const start = new ByteWriter().long(pending.length).long(stored.length).take()
    await file.writeFile(Buffer.concat([start, stored, sync]))
    written += pending.length
    pending = []
    pendingBytes = 0
  }
  for await (const record of records) {
    const framed = marker.every((byte, i) => record[i] === byte)
    assert(framed, `a record for a container of ${schema.path} is of another schema`)
    pending.push(record.subarray(marker.length))
    pendingBytes += record.length - marker.length
    if (pendingBytes >= BLOCK_BYTES) await flush()
  }
  if (pending.length > 0) await flush()
  return written
}
