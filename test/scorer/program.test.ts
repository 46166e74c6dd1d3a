// The program from its files: which columns there are, which writers can be read, what is refused;
// and the parts around it: module, engine, sample records.

import { afterAll, describe, expect, test } from 'bun:test'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { STATUS_OK } from '../../assembly/layout.ts'
import type { Json } from '../../src/avro/schema.ts'
import type { Forest } from '../../src/compiler/forest.ts'
import { MODULE_PATH, fromRoot } from '../../src/paths.ts'
import { Engine } from '../../src/scorer/engine.ts'
import { loadModule } from '../../src/scorer/module.ts'
import { loadProgram, withWriter } from '../../src/scorer/program.ts'
import { sampleRecord, warmUp } from '../../src/scorer/warm-up.ts'
import {
  applicationSchema,
  artefactOf,
  decode,
  engineOf,
  programOf,
  refusal,
  rowOf,
  schemaVersion,
  shippedProgram,
  statusOf,
  wasmModule,
} from '../support/engine.ts'

const root = mkdtempSync(join(tmpdir(), 'loanstream-program-'))
afterAll(() => rmSync(root, { recursive: true }))

function applicationOf(...fields: Json[]): Json {
  return {
    type: 'record',
    name: 'LoanApplication',
    fields: [{ name: 'application_id', type: 'string' }, ...fields],
  }
}

function forestOf(...features: string[]): Forest {
  return { features, trees: [], sigmoid: 1 }
}

describe('columns', () => {
  const schema = schemaVersion(
    applicationOf(
      { name: 'a', type: 'int' },
      { name: 'note', type: 'string' },
      { name: 'b', type: ['null', 'double'], default: null },
      { name: 'c', type: 'long' },
      { name: 'd', type: 'boolean' },
    ),
  )

  test('are the features in the order of the model, then all other numbers', () => {
    const columnsOf = (...features: string[]) =>
      programOf({ applications: [schema], forest: forestOf(...features) }).columns
    expect(columnsOf('c', 'a')).toEqual(['c', 'a', 'b', 'd'])
    expect(columnsOf()).toEqual(['a', 'b', 'c', 'd'])
    expect(columnsOf('d', 'c', 'b', 'a')).toEqual(['d', 'c', 'b', 'a'])
  })

  test.each([
    ['a field there is not', 'e'],
    ['a string', 'note'],
    ['the id', 'application_id'],
  ])('a feature cannot rest on %s', (_, field) => {
    const error = refusal(() => programOf({ applications: [schema], forest: forestOf('a', field) }))
    expect(error.message).toBe(
      `model test: feature "${field}" rests on "${field}", which is no numeric field of schemas/test/1.avsc`,
    )
  })

  test('two features cannot rest on one field', () => {
    const artefact = artefactOf(forestOf('a', 'c'))
    artefact.manifest.features[1]!.field = 'a'
    const error = refusal(() => programOf({ applications: [schema], artefact }))
    expect(error.message).toBe('model test: two features rest on one field')
  })

  test('fields that no feature and no rule looks at are held to their bounds all the same', () => {
    const program = shippedProgram()
    expect(program.columns).toContain('submitted_at')
    expect(program.columns.length).toBe(23)
  })
})

describe('files', () => {
  const files = {
    schemas: fromRoot('schemas'),
    model: fromRoot('build/models/default'),
    policy: fromRoot('models/default/policy.toml'),
  }

  test('of the project make a program whose every writer is readable', () => {
    for (const { refusal: why, plan } of loadProgram(files).writers) {
      expect([why, plan === undefined]).toEqual(['', false])
    }
  })

  test.each(['schemas', 'model', 'policy'] as const)('a missing %s is named', (name) => {
    const missing = join(root, 'nowhere')
    const error = refusal(() => loadProgram({ ...files, [name]: missing }))
    expect(error.message).toContain(missing)
    expect(error.kind).toBe('usage')
  })

  test('an older schema beside the newest is read as the newest', () => {
    const schemas = join(root, 'schemas')
    cpSync(fromRoot('schemas'), schemas, { recursive: true })
    const json = structuredClone(applicationSchema.json) as { fields: Json[] }
    json.fields.push({ name: 'channel', type: 'string', default: 'branch' })
    writeFileSync(join(schemas, 'loan_application/2.avsc'), JSON.stringify(json))
    const program = loadProgram({ ...files, schemas })
    expect(program.writers.map(({ version, refusal: why }) => [version, why])).toEqual([
      [1, ''],
      [2, ''],
    ])
    expect(program.applicationSchema.version).toBe(2)
  })

  test('a folder without one of the two records is named', () => {
    const schemas = join(root, 'one')
    mkdirSync(schemas)
    cpSync(fromRoot('schemas/loan_application'), join(schemas, 'loan_application'), {
      recursive: true,
    })
    const error = refusal(() => loadProgram({ ...files, schemas }))
    expect(error.message).toContain(join(schemas, 'loan_decision'))
  })
})

describe('a writer from elsewhere', () => {
  const program = programOf({
    applications: [schemaVersion(applicationOf({ name: 'a', type: 'int' }))],
  })

  test('is read too, and the program it was added to is as before', () => {
    const more = withWriter(
      program,
      schemaVersion(applicationOf({ name: 'a', type: ['int', 'null'] }), 9),
    )
    expect(more.writers.map(({ version }) => version)).toEqual([1, 9])
    expect(program.writers.length).toBe(1)
  })

  test('is the one there is, when the schema is known', () => {
    const same = schemaVersion(applicationOf({ name: 'a', type: 'int', doc: 'other' }), 9)
    expect(withWriter(program, same)).toBe(program)
  })

  test('that cannot be read says why', () => {
    const more = withWriter(program, schemaVersion(applicationOf({ name: 'a', type: 'string' }), 9))
    expect(more.writers[1]!.refusal).toBe('schemas/test/9.avsc: a: string cannot be read as int')
  })
})

describe('sample records', () => {
  const SCHEMAS: [what: string, fields: Json[]][] = [
    [
      'numbers of every type',
      ['boolean', 'int', 'long', 'float', 'double'].map((type, i) => ({ name: `n${i}`, type })),
    ],
    [
      'bounds',
      [
        { name: 'a', type: 'int', minimum: 300, maximum: 850 },
        { name: 'b', type: 'double', exclusiveMinimum: 0, maximum: 0.5 },
        { name: 'c', type: 'long', maximum: -7 },
      ],
    ],
    [
      'nullable fields, null first or last',
      [
        { name: 'a', type: ['null', 'int'], minimum: 5 },
        { name: 'b', type: ['double', 'null'] },
      ],
    ],
    [
      'what is skipped',
      [
        { name: 'a', type: { type: 'fixed', name: 'F', size: 7 } },
        { name: 'b', type: { type: 'enum', name: 'E', symbols: ['A'] } },
        { name: 'c', type: 'bytes' },
        { name: 'd', type: ['null', 'string'] },
      ],
    ],
  ]
  test.each(SCHEMAS)('are decoded: %s', (_, fields) => {
    const version = schemaVersion(applicationOf(...fields))
    const engine = engineOf(programOf({ applications: [version] }), 1, 4096)
    expect(decode(engine, [sampleRecord(version)])[0]!.code).toBe(STATUS_OK)
  })

  test('of the shipped schema are within every bound, and scored', () => {
    const engine = engineOf(shippedProgram(), 1, 4096)
    expect(decode(engine, [sampleRecord(applicationSchema)])[0]!.code).toBe(STATUS_OK)
    for (const field of applicationSchema.schema.fields) {
      const value = rowOf(engine, 0)[field.name]
      if (value === undefined) continue
      expect(value).toBeGreaterThanOrEqual(field.minimum)
      expect(value).toBeLessThanOrEqual(field.maximum)
    }
  })

  // The number nearest to 1 within the bounds is rounded up for an int and cut to 32 bits for a
  // float after it was chosen: -1.2 becomes -1, and -5e-324, the double below 0, becomes -0.
  // Warm-up then warms the refusal of records instead of their scoring.
  test.each([
    { name: 'a', type: 'int', minimum: -2.8, maximum: -1.2 },
    { name: 'a', type: 'float', minimum: -1, exclusiveMaximum: 0 },
  ])('are decoded where the bound is no value of the type: %j', (field) => {
    const version = schemaVersion(applicationOf(field))
    const engine = engineOf(programOf({ applications: [version] }), 1, 4096)
    expect(decode(engine, [sampleRecord(version)])[0]!.code).toBe(STATUS_OK)
  })
})

describe('the module', () => {
  test('that is missing is named, with what makes it', () => {
    const error = refusal(() => loadModule(join(root, 'none.wasm')))
    expect(error.message).toStartWith(`cannot load ${join(root, 'none.wasm')}: ENOENT`)
    expect(error.message).toEndWith('"bun run build" makes it')
  })

  test('that is no module is named', () => {
    const path = join(root, 'no.wasm')
    writeFileSync(path, 'not wasm')
    expect(refusal(() => loadModule(path)).message).toStartWith(`cannot load ${path}: `)
  })

  test('imports nothing but its memory', () => {
    expect(WebAssembly.Module.imports(loadModule(MODULE_PATH))).toEqual([
      { module: 'env', name: 'memory', kind: 'memory' },
    ])
  })

  test('without the exports is refused by name', () => {
    // The smallest module: magic and version.
    const empty = new WebAssembly.Module(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0))
    const error = refusal(() => new Engine(empty, shippedProgram(), { records: 1, inputBytes: 1 }))
    expect(error.message).toBe('the WebAssembly module has no export run')
  })
})

describe('the engine', () => {
  test('holds at least one record', () => {
    for (const size of [
      { records: 0, inputBytes: 1 },
      { records: 1, inputBytes: 0 },
    ]) {
      expect(() => new Engine(wasmModule, shippedProgram(), size)).toThrow('at least one record')
    }
  })

  test('of one module decide side by side without touching each other', () => {
    const [a, b] = [
      engineOf(shippedProgram(), 2, 4096),
      engineOf(shippedProgram('bench/model'), 2, 4096),
    ]
    const record = sampleRecord(applicationSchema)
    decode(a, [record, record])
    decode(b, [record.subarray(0, 20)])
    expect([statusOf(a, 0).code, statusOf(b, 0).code === STATUS_OK]).toEqual([STATUS_OK, false])
  })

  test('keeps its memory where it is', () => {
    const engine = engineOf(shippedProgram(), 2, 4096)
    expect(() => engine.memory.grow(1)).toThrow()
  })

  test('takes no topic longer than Kafka does', () => {
    const engine = engineOf(shippedProgram(), 2, 4096)
    expect(() => engine.setPartition('x'.repeat(1000), 0)).toThrow()
  })
})

test('warming up leaves the program as it was', () => {
  const program = shippedProgram()
  const before = program.tables.slice()
  warmUp(wasmModule, program)
  expect(program.tables).toEqual(before)
})
