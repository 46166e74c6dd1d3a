// Schema files' grammar: what is taken and how, and what is refused, with the path in the message.

import { describe, expect, test } from 'bun:test'
import {
  type Field,
  type Json,
  type RecordSchema,
  parseRecord,
  parseSchema,
  typeName,
} from '../../src/avro/schema.ts'
import { neighbour, refusal } from '../support/engine.ts'

/** A record R of one field x. */
function recordOf(type: Json, attributes: { [key: string]: Json } = {}): Json {
  return { type: 'record', name: 'R', fields: [{ name: 'x', type, ...attributes }] }
}

function fieldOf(type: Json, attributes: { [key: string]: Json } = {}): Field {
  return parseRecord(recordOf(type, attributes), 'r.avsc').fields[0]!
}

const VALID: [what: string, json: Json, name: string][] = [
  ['a primitive by name', 'int', 'int'],
  ['a primitive as an object', { type: 'long' }, 'long'],
  ['a primitive with a logical type', { type: 'long', logicalType: 'timestamp-micros' }, 'long'],
  ['an unknown logical type', { type: 'long', logicalType: 'moon-phase' }, 'long'],
  ['attributes that Avro does not know', { type: 'int', unit: 'years', nested: [1] }, 'int'],
  ['a record without fields', { type: 'record', name: 'R', fields: [] }, 'R'],
  ['a full name', { type: 'record', name: 'a.b.R', fields: [] }, 'a.b.R'],
  ['name and namespace', { type: 'record', name: 'R', namespace: 'a.b', fields: [] }, 'a.b.R'],
  [
    'a full name, which outweighs the namespace',
    { type: 'record', name: 'c.R', namespace: 'a.b', fields: [] },
    'c.R',
  ],
  ['an error, which is a record', { type: 'error', name: 'R', fields: [] }, 'R'],
  ['an enum with a default', { type: 'enum', name: 'E', symbols: ['A'], default: 'A' }, 'E'],
  ['an enum', { type: 'enum', name: 'E', symbols: ['A', '_b', 'C9'] }, 'E'],
  ['a fixed', { type: 'fixed', name: 'F', size: 16 }, 'F'],
  ['a fixed of no bytes', { type: 'fixed', name: 'F', size: 0 }, 'F'],
  ['a largest fixed', { type: 'fixed', name: 'F', size: 0x7fffffff }, 'F'],
  ['a decimal', { type: { type: 'fixed', name: 'F', size: 4 }, logicalType: 'decimal' }, 'F'],
  ['an array', { type: 'array', items: 'string' }, 'array'],
  ['a map', { type: 'map', values: ['null', 'int'] }, 'map'],
  ['a union', ['null', 'string'], 'union of null, string'],
  ['a union of one', ['int'], 'union of int'],
  [
    'a union of two records',
    [
      { type: 'record', name: 'A', fields: [] },
      { type: 'record', name: 'B', fields: [] },
    ],
    'union of A, B',
  ],
  [
    'one short name in two namespaces',
    [
      { type: 'fixed', name: 'a.F', size: 1 },
      { type: 'fixed', name: 'b.F', size: 1 },
    ],
    'union of a.F, b.F',
  ],
  [
    'a union of array and map',
    [
      { type: 'array', items: 'int' },
      { type: 'map', values: 'int' },
    ],
    'union of array, map',
  ],
]

test.each(VALID)('is taken: %s', (_, json, name) => {
  expect(typeName(parseSchema(json, 'r.avsc'))).toBe(name)
})

const INVALID: [json: Json, message: string][] = [
  [5, '$: is no schema: 5'],
  [null, '$: is no schema: null'],
  [true, '$: is no schema: true'],
  [{}, '$: has no type'],
  [{ name: 'x' }, '$: has no type'],
  [{ type: 7 }, '$.type: is no schema: 7'],
  [{ type: null }, '$.type: is no schema: null'],
  ['integer', '$: names the unknown type "integer"'],
  [{ type: 'Int' }, '$.type: names the unknown type "Int"'],
  [[], '$: is a union of nothing'],
  [['null', 'null'], '$[1]: repeats null within the union'],
  [['null', 'int', { type: 'int' }], '$[2]: repeats int within the union'],
  [['null', 'long', { type: 'long', logicalType: 'x' }], '$[2]: repeats long within the union'],
  [
    [
      { type: 'array', items: 'int' },
      { type: 'array', items: 'long' },
    ],
    '$[1]: repeats array within the union',
  ],
  [['null', ['int']], '$[1]: is a union within a union'],
  [['null', { type: ['int'] }], '$[1]: is a union within a union'],
  [['null', 'what'], '$[1]: names the unknown type "what"'],
  [{ type: 'array' }, '$.items: is no schema: null'],
  [{ type: 'array', items: 'what' }, '$.items: names the unknown type "what"'],
  [{ type: 'map' }, '$.values: is no schema: null'],
  [{ type: 'map', values: [] }, '$.values: is a union of nothing'],

  [{ type: 'record', fields: [] }, '$: has no valid name'],
  [{ type: 'record', name: '', fields: [] }, '$: has no valid name'],
  [{ type: 'record', name: '1R', fields: [] }, '$: has no valid name'],
  [{ type: 'record', name: 'a..R', fields: [] }, '$: has no valid name'],
  [{ type: 'record', name: '.R', fields: [] }, '$: has no valid name'],
  [{ type: 'record', name: 'R.', fields: [] }, '$: has no valid name'],
  [{ type: 'record', name: 'Ré', fields: [] }, '$: has no valid name'],
  [{ type: 'record', name: 'R\n', fields: [] }, '$: has no valid name'],
  [{ type: 'record', name: 'R' }, '$: has no array of fields'],
  [{ type: 'record', name: 'R', fields: {} }, '$: has no array of fields'],
  [{ type: 'record', name: 'R', aliases: 'Q', fields: [] }, '$.aliases: is not an array'],
  [{ type: 'record', name: 'R', aliases: ['Q', 2], fields: [] }, '$.aliases[1]: is not a string'],
  [{ type: 'record', name: 'R', fields: ['x'] }, '$.fields[0]: is no field'],
  [{ type: 'record', name: 'R', fields: [null] }, '$.fields[0]: is no field'],
  [{ type: 'record', name: 'R', fields: [[]] }, '$.fields[0]: is no field'],
  [{ type: 'record', name: 'R', fields: [{ type: 'int' }] }, '$.fields[0]: has no valid name'],
  [
    { type: 'record', name: 'R', fields: [{ name: 'a.b', type: 'int' }] },
    '$.fields[0]: has no valid name',
  ],
  [{ type: 'record', name: 'R', fields: [{ name: 'x' }] }, '$.fields[0] (x): has no type'],
  [recordOf('what'), '$.fields[0] (x).type: names the unknown type "what"'],
  [recordOf('int', { aliases: 'y' }), '$.fields[0] (x).aliases: is not an array'],
  [
    {
      type: 'record',
      name: 'R',
      fields: [
        { name: 'x', type: 'int' },
        { name: 'y', type: 'int' },
        { name: 'x', type: 'long' },
      ],
    },
    '$.fields[2]: repeats the field "x"',
  ],
  [
    recordOf({ type: 'fixed', name: 'R', size: 1 }),
    '$.fields[0] (x).type: defines R a second time',
  ],
  [
    recordOf(recordOf('int', { default: 'one' })),
    // A record's own definition comes first, so the inner R is the mistake that is found.
    '$.fields[0] (x).type: defines R a second time',
  ],
  [
    recordOf({ type: 'record', name: 'S', fields: [{ name: 'y', type: 'float', default: 'one' }] }),
    '$.fields[0] (x).type.fields[0] (y).default: "one" is no value of float',
  ],

  [{ type: 'enum', name: 'E' }, '$: has no symbols'],
  [{ type: 'enum', name: 'E', symbols: [] }, '$: has no symbols'],
  [{ type: 'enum', name: 'E', symbols: 'A' }, '$.symbols: is not an array'],
  [{ type: 'enum', name: 'E', symbols: ['A', 1] }, '$.symbols[1]: is not a string'],
  [{ type: 'enum', name: 'E', symbols: ['A', 'B', 'A'] }, '$: repeats a symbol'],
  [{ type: 'enum', name: 'E', symbols: ['A-B'] }, '$.symbols: "A-B" is no valid name'],
  [
    { type: 'enum', name: 'E', symbols: ['A'], default: 'B' },
    '$.default: "B" is none of the symbols',
  ],
  [
    { type: 'enum', name: 'E', symbols: ['A'], default: null },
    '$.default: null is none of the symbols',
  ],
  [
    recordOf('int', { order: 'up' }),
    '$.fields[0] (x).order: is not one of ascending, descending, ignore',
  ],
  [{ type: 'fixed', name: 'F' }, '$: has no valid size'],
  [{ type: 'fixed', name: 'F', size: -1 }, '$: has no valid size'],
  [{ type: 'fixed', name: 'F', size: 1.5 }, '$: has no valid size'],
  [{ type: 'fixed', name: 'F', size: '4' }, '$: has no valid size'],
  [{ type: 'fixed', name: 'F', size: 0x80000000 }, '$: has no valid size'],

  [recordOf('int', { minimum: '0' }), '$.fields[0] (x).minimum: is not a number'],
  [recordOf('int', { maximum: null }), '$.fields[0] (x).maximum: is not a number'],
  [
    recordOf('int', { exclusiveMinimum: true }),
    '$.fields[0] (x).exclusiveMinimum: is not a number',
  ],
  [recordOf('int', { minimum: 2, maximum: 1 }), '$.fields[0] (x): has a minimum above its maximum'],
  [
    recordOf('double', { exclusiveMinimum: 1, maximum: 1 }),
    '$.fields[0] (x): has a minimum above its maximum',
  ],
  [
    recordOf('double', { minimum: 1, exclusiveMaximum: 1 }),
    '$.fields[0] (x): has a minimum above its maximum',
  ],
]

test.each(INVALID)('is refused: %j', (json, message) => {
  const error = refusal(() => parseSchema(json, 'schemas/r/1.avsc'))
  expect(error.message).toBe(`schemas/r/1.avsc: ${message}`)
  expect([error.kind, error.code]).toEqual(['usage', 'schema'])
})

test('a schema file must be a record', () => {
  const error = refusal(() => parseRecord('int', 'schemas/r/1.avsc'))
  expect(error.message).toBe('schemas/r/1.avsc: $: is not a record')
})

describe('names', () => {
  const inner = (namespace: string): Json => ({
    type: 'record',
    name: 'R',
    namespace: 'a',
    fields: [
      { name: 'x', type: { type: 'fixed', name: 'F', namespace, size: 2 } },
      { name: 'y', type: 'F' },
    ],
  })

  test('a reference within a namespace means the type of that namespace', () => {
    const record = parseRecord(inner('a'), 'r.avsc')
    expect(record.fields[1]!.schema).toBe(record.fields[0]!.schema)
  })

  test('a type of another namespace is not found by its short name', () => {
    const error = refusal(() => parseRecord(inner('b'), 'r.avsc'))
    expect(error.message).toBe('r.avsc: $.fields[1] (y).type: names the unknown type "F"')
  })

  test('a type without namespace is found from within one, as in the Java implementation', () => {
    // Java (Names.get) tries the enclosing namespace first, then none. avsc has only the former.
    const record = parseRecord(inner(''), 'r.avsc')
    expect(record.fields[1]!.schema).toBe(record.fields[0]!.schema)
  })

  test('a type is known only after its definition', () => {
    const json: Json = {
      type: 'record',
      name: 'R',
      fields: [
        { name: 'y', type: 'F' },
        { name: 'x', type: { type: 'fixed', name: 'F', size: 2 } },
      ],
    }
    const error = refusal(() => parseRecord(json, 'r.avsc'))
    expect(error.message).toBe('r.avsc: $.fields[0] (y).type: names the unknown type "F"')
  })

  test("aliases take the namespace of the type's own name", () => {
    const json: Json = {
      type: 'record',
      name: 'a.R',
      namespace: 'z',
      aliases: ['Old', 'b.Older'],
      fields: [],
    }
    expect(parseRecord(json, 'r.avsc').aliases).toEqual(['a.Old', 'b.Older'])
  })

  test('a record may contain itself', () => {
    const record = parseRecord(recordOf(['null', 'R']), 'r.avsc')
    const union = record.fields[0]!.schema
    expect(union.kind === 'union' && union.branches[1]).toBe(record)
  })

  // parseSchema.name tests the name but not the namespace: "a..b.R" gets a fingerprint that no
  // other implementation gives it, and a namespace that is no string is left out silently.
  test.each([['a..b'], ['1a'], ['a b'], [5]])(
    'an invalid namespace is refused: %j',
    (namespace) => {
      const json: Json = { type: 'record', name: 'R', namespace, fields: [] }
      expect(refusal(() => parseRecord(json, 'r.avsc')).message).toContain('namespace')
    },
  )

  // A reference to it would mean the primitive. Specification, "Names": primitive type names may
  // not be defined in any namespace.
  test('a type cannot have the name of a primitive', () => {
    expect(
      refusal(() => parseRecord({ type: 'record', name: 'a.int', fields: [] }, 'r.avsc')),
    ).toBeDefined()
  })

  // Which field a writer's "old" means is not said; both would read it (see decode-plan.test.ts).
  test('two fields cannot have the same alias', () => {
    const json: Json = {
      type: 'record',
      name: 'R',
      fields: [
        { name: 'x', type: 'int', aliases: ['old'] },
        { name: 'y', type: 'int', aliases: ['old'] },
      ],
    }
    expect(refusal(() => parseRecord(json, 'r.avsc')).message).toContain('old')
  })
})

describe('fields', () => {
  test('a field keeps its documentation, unit, aliases and default', () => {
    const field = fieldOf('int', { doc: 'Years.', unit: 'years', aliases: ['old'], default: 3 })
    expect(field).toMatchObject({ name: 'x', doc: 'Years.', unit: 'years', aliases: ['old'] })
    expect(field.default).toBe(3)
  })

  test('no default is undefined, a default of null is null', () => {
    expect(fieldOf(['null', 'int']).default).toBeUndefined()
    expect(fieldOf(['null', 'int'], { default: null }).default).toBeNull()
  })

  const FITTING: [type: Json, value: Json][] = [
    ['null', null],
    ['boolean', false],
    ['int', 2147483647],
    ['int', -2147483648],
    ['int', 1.0],
    ['long', 9007199254740991],
    ['float', 0.1],
    ['double', -1e308],
    ['bytes', 'ÿ'],
    ['string', ''],
    [{ type: 'enum', name: 'E', symbols: ['A', 'B'] }, 'B'],
    [{ type: 'fixed', name: 'F', size: 2 }, 'ab'],
    [{ type: 'array', items: 'int' }, [1, 2]],
    [{ type: 'map', values: 'int' }, { a: 1 }],
    [['null', 'int'], null],
    // Avro 1.12: of a union, any branch's.
    [['null', 'int'], 5],
    [['int', 'null'], 5],
    [{ type: 'record', name: 'S', fields: [{ name: 'a', type: 'int' }] }, { a: 1 }],
    [{ type: 'record', name: 'S', fields: [{ name: 'a', type: 'int', default: 1 }] }, {}],
  ]
  test.each(FITTING)('a default of %j may be %j', (type, value) => {
    expect(fieldOf(type, { default: value }).default).toEqual(value)
  })

  const UNFITTING: [type: Json, value: Json][] = [
    ['null', 0],
    ['boolean', 0],
    ['int', 2147483648],
    ['int', -2147483649],
    ['int', 1.5],
    ['int', '1'],
    ['int', null],
    ['long', 1.5],
    ['long', '1'],
    ['double', '1'],
    ['double', null],
    ['string', 1],
    ['bytes', [1]],
    [{ type: 'enum', name: 'E', symbols: ['A'] }, 'B'],
    [{ type: 'fixed', name: 'F', size: 2 }, 'abc'],
    [{ type: 'array', items: 'int' }, ['1']],
    [{ type: 'array', items: 'int' }, {}],
    [{ type: 'map', values: 'int' }, { a: '1' }],
    [{ type: 'map', values: 'int' }, []],
    [['null', 'int'], 'x'],
    [{ type: 'record', name: 'S', fields: [{ name: 'a', type: 'int' }] }, {}],
    [{ type: 'record', name: 'S', fields: [{ name: 'a', type: 'int' }] }, { a: '1' }],
    [{ type: 'record', name: 'S', fields: [] }, []],
  ]
  test.each(UNFITTING)('a default of %j cannot be %j', (type, value) => {
    const error = refusal(() => fieldOf(type, { default: value }))
    expect(error.message).toContain(`r.avsc: $.fields[0] (x).default: ${JSON.stringify(value)} is`)
  })

  // matchesDefault reads `value[name] ?? default`, which takes a stated null for nothing stated.
  test('a default record may state null for a nullable field', () => {
    const inner: Json = {
      type: 'record',
      name: 'S',
      fields: [{ name: 'a', type: ['null', 'int'] }],
    }
    expect(fieldOf(inner, { default: { a: null } }).default).toEqual({ a: null })
  })

  // A record of the writer without the field would get a value that a record with it cannot have.
  test('a default must be within the bounds', () => {
    expect(refusal(() => fieldOf('int', { default: -1, minimum: 0 })).message).toContain('default')
  })

  // Written as a varint of 64 bits it wraps around, read as one it could never come.
  test('a default of long must be a long', () => {
    expect(refusal(() => fieldOf('long', { default: 1e19 })).message).toContain('default')
  })
})

describe('bounds', () => {
  const most = Number.MAX_VALUE
  const BOUNDS: [attributes: { [key: string]: Json }, minimum: number, maximum: number][] = [
    [{}, -most, most],
    [{ minimum: 0 }, 0, most],
    [{ maximum: 10 }, -most, 10],
    [{ minimum: 5, maximum: 5 }, 5, 5],
    [{ exclusiveMinimum: 0 }, Number.MIN_VALUE, most],
    [{ exclusiveMaximum: 0 }, -most, -Number.MIN_VALUE],
    [{ exclusiveMinimum: 1 }, neighbour(1, 1), most],
    [{ exclusiveMinimum: -1 }, neighbour(-1, 1), most],
    [{ exclusiveMaximum: 1 }, -most, neighbour(1, -1)],
    [{ exclusiveMaximum: -1 }, -most, neighbour(-1, -1)],
    [{ exclusiveMinimum: -Number.MIN_VALUE }, -0, most],
    [{ minimum: 1, exclusiveMinimum: 1 }, neighbour(1, 1), most],
    [{ minimum: 2, exclusiveMinimum: 1 }, 2, most],
    [{ maximum: 1, exclusiveMaximum: 1 }, -most, neighbour(1, -1)],
    [{ maximum: 0, exclusiveMaximum: 1 }, -most, 0],
  ]
  test.each(BOUNDS)('%j', (attributes, minimum, maximum) => {
    const field = fieldOf('double', attributes)
    expect([field.minimum, field.maximum]).toEqual([minimum, maximum])
  })

  // They are kept and never looked at: only numbers are checked.
  test('bounds of a field that is no number are refused', () => {
    expect(refusal(() => fieldOf('string', { minimum: 1 })).message).toContain('minimum')
  })
})

test('a union of the same type twice is told apart by full name only', () => {
  const json: Json = ['null', { type: 'record', name: 'a.R', fields: [] }, 'a.R']
  expect(refusal(() => parseSchema(json, 'r.avsc')).message).toBe(
    'r.avsc: $[2]: repeats a.R within the union',
  )
})

test('deeply nested types are parsed', () => {
  let json: Json = 'int'
  for (let i = 0; i < 200; i++) json = { type: 'array', items: json }
  expect(typeName(parseSchema(json, 'r.avsc'))).toBe('array')
})

test('a record in a record keeps its own fields', () => {
  const inner: Json = { type: 'record', name: 'S', fields: [{ name: 'y', type: 'int' }] }
  const schema = fieldOf(inner).schema as RecordSchema
  expect(schema.fields.map((field) => field.name)).toEqual(['y'])
})
