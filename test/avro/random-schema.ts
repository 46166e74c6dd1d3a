// Random schemas as JSON, of every kind, with names and namespaces, for properties. What Avro
// itself leaves ambiguous is left out: a type without a namespace within one that has a namespace,
// whose canonical form names another type when it is read again.

import fc from 'fast-check'
import type { Json } from '../../src/avro/schema.ts'

const PRIMITIVES = ['null', 'boolean', 'int', 'long', 'float', 'double', 'bytes', 'string'] as const
const NAMESPACES = ['', 'a', 'a.b', 'loanstream', '_1.Z9']

/** A record, its types named T0, T1, … and sometimes referred to again. */
export const schemaJson: fc.Arbitrary<Json> = fc
  .infiniteStream(fc.nat(0xffff))
  .map((stream) => new Builder(stream).record(0, ''))

class Builder {
  private readonly stream: Iterator<number>
  private readonly names: string[] = []
  private count = 0

  constructor(stream: Iterator<number>) {
    this.stream = stream
  }

  record(depth: number, namespace: string): { [key: string]: Json } {
    const { attributes, inner, full } = this.name(namespace)
    const fields: Json[] = []
    const count = this.below(4) + (depth === 0 ? 1 : 0)
    for (let i = 0; i < count; i++) {
      fields.push({ name: `f${i}`, doc: 'about', type: this.type(depth + 1, inner) })
    }
    this.names.push(full)
    return { type: 'record', ...attributes, fields }
  }

  private type(depth: number, namespace: string): Json {
    const kind = this.below(depth > 3 ? 4 : 10)
    switch (kind) {
      case 0:
      case 1:
        return this.primitive()
      case 2:
        return { type: this.primitive() }
      case 3: {
        const known = this.names[this.below(this.names.length + 1)]
        const isReachable = known !== undefined && (known.includes('.') || namespace === '')
        return isReachable ? known : { type: 'long', logicalType: 'timestamp-micros' }
      }
      case 4: {
        const { attributes, full } = this.name(namespace)
        this.names.push(full)
        return { type: 'fixed', ...attributes, size: 1 + this.below(20) }
      }
      case 5: {
        const { attributes, full } = this.name(namespace)
        this.names.push(full)
        const symbols = Array.from({ length: 1 + this.below(4) }, (_, i) => `S${i}`)
        return { type: 'enum', ...attributes, symbols }
      }
      case 6:
        return { type: 'array', items: this.type(depth + 1, namespace) }
      case 7:
        return { type: 'map', values: this.type(depth + 1, namespace) }
      case 8: {
        const first = this.below(PRIMITIVES.length)
        const count = 1 + this.below(PRIMITIVES.length)
        return Array.from({ length: count }, (_, i) => PRIMITIVES[(first + i) % PRIMITIVES.length]!)
      }
      default:
        return this.record(depth, namespace)
    }
  }

  private primitive(): Json {
    return PRIMITIVES[this.below(PRIMITIVES.length)]!
  }

  /** A new name in one of the three ways to give its namespace. */
  private name(enclosing: string): {
    attributes: { [key: string]: Json }
    inner: string
    full: string
  } {
    const short = `T${this.count++}`
    const given = NAMESPACES[this.below(NAMESPACES.length)]!
    const namespace = given === '' ? enclosing : given
    const full = (space: string) => (space === '' ? short : `${space}.${short}`)
    switch (this.below(3)) {
      case 0:
        return { attributes: { name: short }, inner: enclosing, full: full(enclosing) }
      case 1:
        return { attributes: { name: short, namespace }, inner: namespace, full: full(namespace) }
      default:
        return { attributes: { name: full(namespace) }, inner: namespace, full: full(namespace) }
    }
  }

  private below(bound: number): number {
    return (this.stream.next().value as number) % bound
  }
}
