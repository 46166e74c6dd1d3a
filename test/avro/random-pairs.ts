// Random pairs of schemas that a seed determines: one is made, the other is a copy with a few
// changes of the kind that people make, so that about half are compatible and the rest fail for
// every reason there is. What our parser refuses never comes out.

import { Random } from '../../src/applications/random.ts'
import { type Json, parseSchema } from '../../src/avro/schema.ts'
import { CHANGES } from './random-changes.ts'

type JsonObject = { [key: string]: Json }

export type Pair = { reader: Json; writer: Json }

const PRIMITIVES = ['boolean', 'int', 'long', 'float', 'double', 'bytes', 'string'] as const
const NAMESPACES = ['', 'a', 'a.b']
/** Tries of a change that our parser would refuse, such as one that removes what is referred to. */
const TRIES_MAX = 20

export function randomPairs(seed: number, count: number): Pair[] {
  const random = new Random(seed)
  return Array.from({ length: count }, () => {
    const one = validSchema(random)
    let other = one
    for (let changes = random.below(4); changes >= 0; changes--) other = changed(other, random)
    return random.below(2) === 0 ? { reader: one, writer: other } : { reader: other, writer: one }
  })
}

function validSchema(random: Random): Json {
  for (let i = 0; i < TRIES_MAX; i++) {
    const schema = new Builder(random).schema()
    if (isValid(schema)) return schema
  }
  return 'null'
}

function changed(schema: Json, random: Random): Json {
  for (let i = 0; i < TRIES_MAX; i++) {
    const copy = structuredClone({ type: schema })
    const change = CHANGES[random.below(CHANGES.length)]!
    change(copy, random)
    if (isValid(copy.type)) return copy.type
  }
  return schema
}

function isValid(json: Json): boolean {
  try {
    parseSchema(json, 'random')
    return true
  } catch {
    return false
  }
}

/** Makes schemas. Types are called T0, T1, … and fields f0, f1, …, so that changes can find them. */
export class Builder {
  private readonly random: Random
  /** Full names of what is defined so far, and of the records around. */
  private readonly names: string[] = []

  constructor(random: Random) {
    this.random = random
  }

  schema(): Json {
    const { random } = this
    // Mostly records, as files are; now and then whatever else may be at the top.
    return random.below(8) === 0 ? this.type(1, '') : this.record(0, '')
  }

  type(depth: number, namespace: string): Json {
    const { random } = this
    switch (random.below(depth > 3 ? 4 : 12)) {
      case 0:
      case 1:
      case 2:
        return this.primitive()
      case 3:
        return this.reference(namespace) ?? { type: 'long', logicalType: 'timestamp-millis' }
      case 4:
        return this.fixed(namespace)
      case 5:
      case 6:
        return this.enum(namespace)
      case 7:
        return { type: 'array', items: this.type(depth + 1, namespace) }
      case 8:
        return { type: 'map', values: this.type(depth + 1, namespace) }
      case 9:
      case 10:
        return this.union(depth, namespace)
      default:
        return this.record(depth, namespace)
    }
  }

  private record(depth: number, enclosing: string): JsonObject {
    const { attributes, namespace } = this.name(enclosing)
    const count = this.random.below(4) + (depth === 0 ? 1 : 0)
    const fields: Json[] = []
    for (let i = 0; i < count; i++) fields.push(this.field(i, depth, namespace))
    return { type: this.random.below(20) === 0 ? 'error' : 'record', ...attributes, fields }
  }

  private field(index: number, depth: number, namespace: string): JsonObject {
    const { random } = this
    const type = this.type(depth + 1, namespace)
    const value = defaultOf(type)
    return {
      name: `f${index}`,
      type,
      ...(value !== undefined && random.below(2) === 0 ? { default: value } : {}),
      ...(random.below(6) === 0 ? { aliases: [`g${random.below(3)}`] } : {}),
      ...(random.below(9) === 0 ? { order: 'ignore', doc: 'about' } : {}),
    }
  }

  private union(depth: number, namespace: string): Json[] {
    const { random } = this
    const branches: Json[] = random.below(2) === 0 ? ['null'] : []
    for (let count = 1 + random.below(3); count > 0; count--) {
      const branch = this.type(depth + 2, namespace)
      if (!Array.isArray(branch) && isValid([...branches, branch])) branches.push(branch)
    }
    return branches.length > 0 ? branches : ['string']
  }

  private enum(enclosing: string): JsonObject {
    const { random } = this
    const { attributes } = this.name(enclosing)
    const symbols = Array.from({ length: 1 + random.below(4) }, (_, i) => `S${i}`)
    const isOpen = random.below(3) === 0
    return { type: 'enum', ...attributes, symbols, ...(isOpen ? { default: 'S0' } : {}) }
  }

  private fixed(enclosing: string): JsonObject {
    return { type: 'fixed', ...this.name(enclosing).attributes, size: 1 + this.random.below(16) }
  }

  /** What Avro itself leaves ambiguous is left out: no namespace within one that has one. */
  private reference(namespace: string): string | undefined {
    const name = this.names[this.random.below(this.names.length + 1)]
    return name?.includes('.') || namespace === '' ? name : undefined
  }

  private primitive(): string {
    return PRIMITIVES[this.random.below(PRIMITIVES.length)]!
  }

  /** A name in one of the three ways to give its namespace. */
  private name(enclosing: string): { attributes: JsonObject; namespace: string } {
    const { random } = this
    const short = `T${this.names.length}`
    const namespace = NAMESPACES[random.below(NAMESPACES.length)]! || enclosing
    const full = (space: string) => (space === '' ? short : `${space}.${short}`)
    const aliases = random.below(6) === 0 ? { aliases: [`U${random.below(3)}`] } : {}
    switch (random.below(3)) {
      case 0:
        this.names.push(full(enclosing))
        return { attributes: { name: short, ...aliases }, namespace: enclosing }
      case 1:
        this.names.push(full(namespace))
        return { attributes: { name: short, namespace, ...aliases }, namespace }
      default:
        this.names.push(full(namespace))
        return { attributes: { name: full(namespace), ...aliases }, namespace }
    }
  }
}

/** A default of the type; undefined where none is simple. */
export function defaultOf(type: Json): Json | undefined {
  if (Array.isArray(type)) return type[0] === undefined ? undefined : defaultOf(type[0])
  if (type !== null && typeof type === 'object') {
    switch (type['type']) {
      case 'enum':
        return (type['symbols'] as Json[])[0]
      case 'fixed':
        return 'x'.repeat(type['size'] as number)
      case 'array':
        return []
      case 'map':
        return {}
      default:
        return typeof type['type'] === 'string' ? DEFAULTS.get(type['type']) : undefined
    }
  }
  return typeof type === 'string' ? DEFAULTS.get(type) : undefined
}

const DEFAULTS: ReadonlyMap<string, Json> = new Map<string, Json>([
  ['null', null],
  ['boolean', false],
  ['int', 1],
  ['long', 2],
  ['float', 0.5],
  ['double', 0.25],
  ['bytes', 'ÿ'],
  ['string', ''],
])
