// Random values of any schema, in Avro's encoding: blocks of arrays and maps with and without their
// size, varints longer than they need be, and numbers at the edges of their types.

import type { Random } from '../../src/applications/random.ts'
import { ByteWriter } from '../../src/avro/bytes.ts'
import type { PrimitiveName, Schema } from '../../src/avro/schema.ts'

const LONGS = [0n, 1n, -1n, 63n, -64n, 64n, 300n, (1n << 31n) - 1n, -(1n << 31n)]
const LONG_EDGES = [(1n << 53n) + 1n, (1n << 54n) + 3n, (1n << 63n) - 1n, -(1n << 63n)]
const DOUBLES = [0, -0, 1, -1.5, 0.1, 5e-324, Number.MAX_VALUE, 1e22, Number.NaN, -Infinity]
const STRINGS = ['', 'a', 'äöü€😀', 'x'.repeat(70), '\u0000"\\']
/** Beyond it, whatever may be empty is, so that types that contain themselves end. */
const DEPTH_MAX = 5

export class RandomValues {
  private readonly random: Random
  private keys = 0
  /** Whether to write what is right and yet unusual: long varints, blocks in several pieces. */
  private readonly isOdd: boolean

  constructor(random: Random, isOdd: boolean) {
    this.random = random
    this.isOdd = isOdd
  }

  /** @returns undefined for a type whose values are all too deep */
  encode(schema: Schema): Uint8Array | undefined {
    const out = new ByteWriter()
    try {
      this.write(schema, out, 0)
    } catch (error) {
      if (error instanceof RangeError) return undefined
      throw error
    }
    return out.take()
  }

  private write(schema: Schema, out: ByteWriter, depth: number): void {
    if (depth > 40) throw new RangeError('a value without an end')
    const { random } = this
    switch (schema.kind) {
      case 'primitive':
        this.primitive(schema.type, out)
        return
      case 'enum':
        this.long(BigInt(random.below(schema.symbols.length)), out)
        return
      case 'fixed':
        out.raw(Uint8Array.from({ length: schema.size }, () => random.below(256)))
        return
      case 'record':
        for (const field of schema.fields) this.write(field.schema, out, depth + 1)
        return
      case 'union': {
        const index = depth > DEPTH_MAX ? shallow(schema.branches) : -1
        const branch = index >= 0 ? index : random.below(schema.branches.length)
        this.long(BigInt(branch), out)
        this.write(schema.branches[branch]!, out, depth + 1)
        return
      }
      case 'array':
        this.blocks(out, depth, (piece) => this.write(schema.items, piece, depth + 1))
        return
      case 'map':
        this.blocks(out, depth, (piece) => {
          // No key twice: a map of TypeScript would hold one entry, and the record has two.
          piece.string(`k${this.keys++}`)
          this.write(schema.values, piece, depth + 1)
        })
    }
  }

  private blocks(out: ByteWriter, depth: number, item: (piece: ByteWriter) => void): void {
    const { random } = this
    const blocks = depth > DEPTH_MAX ? 0 : random.below(this.isOdd ? 3 : 2)
    for (let i = 0; i < blocks; i++) {
      const count = 1 + random.below(3)
      const piece = new ByteWriter()
      for (let j = 0; j < count; j++) item(piece)
      const bytes = piece.take()
      if (random.below(2) === 0) this.long(BigInt(count), out)
      else {
        this.long(BigInt(-count), out)
        this.long(BigInt(bytes.length), out)
      }
      out.raw(bytes)
    }
    this.long(0n, out)
  }

  private primitive(type: PrimitiveName, out: ByteWriter): void {
    const { random } = this
    const pick = <T>(items: readonly T[]): T => items[random.below(items.length)]!
    switch (type) {
      case 'null':
        return
      case 'boolean':
        out.raw(Uint8Array.of(random.below(2)))
        return
      case 'int':
        out.long(random.below(2) === 0 ? pick(LONGS) : BigInt(random.below(1 << 20)))
        return
      case 'long':
        this.long(random.below(4) === 0 ? pick(LONG_EDGES) : pick(LONGS), out)
        return
      case 'float':
        out.float(pick(DOUBLES))
        return
      case 'double':
        out.double(random.below(2) === 0 ? pick(DOUBLES) : random.uniform() * 1e6)
        return
      case 'string':
        out.string(pick(STRINGS))
        return
      case 'bytes':
        out.long(3).raw(Uint8Array.of(random.below(256), random.below(256), 7))
    }
  }

  /** Now and then in a byte more than it needs, where ten are not exceeded. */
  private long(value: bigint, out: ByteWriter): void {
    const bytes = new ByteWriter().long(value).take()
    const isLonger = this.isOdd && bytes.length < 9 && this.random.below(8) === 0
    if (!isLonger) out.raw(bytes)
    else {
      bytes[bytes.length - 1]! |= 0x80
      out.raw(bytes).raw(Uint8Array.of(0))
    }
  }
}

/** A branch that holds no other value, or -1. */
function shallow(branches: readonly Schema[]): number {
  const isFlat = ({ kind }: Schema) => kind === 'primitive' || kind === 'enum' || kind === 'fixed'
  return branches.findIndex(isFlat)
}
