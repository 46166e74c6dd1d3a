// Features in another unit than their field: what WebAssembly makes of an application, and what
// `model score` makes of a file's row, is what the model was trained on, to the last bit.

import { afterAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ApplicationEncoder } from '../../src/applications/application.ts'
import { Generator } from '../../src/applications/generator.ts'
import { type BuiltModel, buildModel, writeArtefact } from '../../src/compiler/artefact.ts'
import { rawScore } from '../../src/compiler/forest.ts'
import { sha256Hex } from '../../src/hash.ts'
import { fromRoot } from '../../src/paths.ts'
import { loadArtefact } from '../../src/scorer/artefact.ts'
import { withChallenger } from '../../src/scorer/challenger.ts'
import { trainingRanges } from '../../src/scorer/program.ts'
import { scaled } from '../../src/scorer/unit-scale.ts'
import { cli } from '../support/cli.ts'
import {
  applicationSchema,
  engineOf,
  marginOf,
  neighbour,
  policyOf,
  programOf,
  refusal,
  rowOf,
  schemaVersion,
  shippedArtefact,
  wasmModule,
} from '../support/engine.ts'
import { fill } from '../support/fill.ts'

setDefaultTimeout(60_000)

const folder = mkdtempSync(join(tmpdir(), 'loanstream-unit-'))
afterAll(() => rmSync(folder, { recursive: true }))

type Stated = { name: string; field: string; [key: string]: unknown }
type Scale = [name: string, field: string, scale: Record<string, unknown>]

const SCALES: Scale[] = [
  ['monthly_income', 'annual_income', { divided_by: 12, unit: 'USD a month' }],
  ['debt_share', 'debt_to_income', { divided_by: 100, unit: 'fraction' }],
  ['employment_months', 'employment_years', { multiplied_by: 12, unit: 'months' }],
]

let count = 0

/** The shipped model in a folder of its own, with features renamed and stated otherwise. */
function modelOf(scales: readonly Scale[]): string {
  const path = join(folder, `model-${count++}`)
  mkdirSync(path)
  const shipped = fromRoot('models/default')
  let text = readFileSync(join(shipped, 'model.txt'), 'utf8')
  const manifest = JSON.parse(readFileSync(join(shipped, 'manifest.json'), 'utf8')) as {
    sha256: string
    features: Stated[]
    reasons?: unknown
    reference?: unknown
  }
  delete manifest.reasons
  delete manifest.reference
  for (const [name, field, scale] of scales) {
    text = text.replaceAll(new RegExp(`\\b${field}\\b`, 'g'), name)
    const feature = manifest.features.find((it) => it.field === field)!
    Object.assign(feature, { name, ...scale })
  }
  manifest.sha256 = sha256Hex(text)
  writeFileSync(join(path, 'model.txt'), text)
  writeFileSync(join(path, 'manifest.json'), JSON.stringify(manifest, null, 2))
  return path
}

const built: BuiltModel = buildModel(modelOf(SCALES), wasmModule)
const generator = new Generator(7)
const applications = Array.from({ length: 200 }, (_, i) => generator.next(i))

/** What the model was trained on, in its order. */
function featuresOf(application: Record<string, unknown>): number[] {
  return built.source.features.map(({ field, multiplied_by, divided_by }) => {
    const value = (application[field] as number | null) ?? Number.NaN
    if (multiplied_by !== undefined) return value * multiplied_by
    return divided_by === undefined ? value : value / divided_by
  })
}

describe('an application', () => {
  const margins = applications.map((it) => rawScore(built.forest, featuresOf(it)))

  function decided(program: ReturnType<typeof programOf>) {
    const engine = engineOf(program, applications.length, 1 << 16)
    const encoder = new ApplicationEncoder(applicationSchema)
    fill(
      engine,
      applications.map((it) => encoder.encode(it)),
    )
    engine.decide(applications.length)
    return engine
  }

  test('is scored in the units of the model', () => {
    const engine = decided(programOf({ artefact: built.artefact }))
    expect(applications.map((_, i) => marginOf(engine, i))).toEqual(margins)
    const row = rowOf(engine, 0)
    expect(row['annual_income / 12']).toBe(applications[0]!.annual_income! / 12)
    // The field stays what it is, for the policy and other models.
    expect(row['annual_income']).toBe(applications[0]!.annual_income!)
    expect(engine.program.columns.slice(0, 4)).toContain('debt_to_income / 100')
    // Division is no multiplication with a fraction: the drawn values must tell.
    const naive = applications.map((it) => it.annual_income! * (1 / 12))
    expect(applications.some((it, i) => it.annual_income! / 12 !== naive[i])).toBeTrue()
  })

  test('whose field is null has a feature that is missing', () => {
    const at = applications.findIndex((it) => it.employment_years === null)
    const engine = decided(programOf({ artefact: built.artefact }))
    expect(rowOf(engine, at)['employment_years * 12']).toBeNaN()
  })

  test('is scored by a challenger that has no such units', () => {
    const artefact = shippedArtefact('bench/model')
    expect(() => withChallenger(programOf({ artefact: built.artefact }), artefact)).not.toThrow()
    const program = programOf({ artefact })
    const { message } = refusal(() => withChallenger(program, built.artefact))
    expect(message).toContain('which neither the champion nor the policy asks for')
  })
})

describe('model score', () => {
  test('takes a feature by its own name, and makes it of a column of its field', async () => {
    const model = join(folder, 'artefact')
    writeArtefact(built.artefact, model)
    const fields = built.source.features.map(({ field }) => field)
    const names = built.source.features.map(({ name }) => name)
    const cell = (value: number) => (Number.isNaN(value) ? '' : String(value))
    const files: [string, string[], (i: number) => number[]][] = [
      ['names.csv', names, (i) => featuresOf(applications[i]!)],
      [
        'fields.csv',
        fields,
        (i) => fields.map((field) => (applications[i]![field] as number | null) ?? Number.NaN),
      ],
    ]
    const due = applications.map((it) => rawScore(built.forest, featuresOf(it)))
    for (const [file, header, row] of files) {
      const rows = applications.map((_, i) => row(i).map(cell).join(','))
      writeFileSync(join(folder, file), `${header.join(',')}\n${rows.join('\n')}\n`)
      const input = join(folder, file)
      const { code, out, err } = await cli([
        'model',
        'score',
        '--model',
        model,
        '--input',
        input,
        '--raw',
      ])
      expect([code, err]).toEqual([0, ''])
      expect(out.trim().split('\n').map(Number)).toEqual(due)
    }
  })
})

describe('the conversion is part of the model', () => {
  test('another one is another model', () => {
    const [income, ...others] = SCALES
    const other = buildModel(
      modelOf([[income![0], income![1], { divided_by: 13 }], ...others]),
      wasmModule,
    )
    expect(other.artefact.manifest.model).not.toBe(built.artefact.manifest.model)
    expect(other.artefact.manifest.tables.sha256).not.toBe(built.artefact.manifest.tables.sha256)
  })

  test.each([
    ['"divided_by": 12', '"divided_by": 13'],
    ['"divided_by": 12,', ''],
    ['"divided_by": 12', '"multiplied_by": 12'],
  ])('an artefact with %s as %s is refused', (from, to) => {
    const path = join(folder, `edited-${count++}`)
    writeArtefact(built.artefact, path)
    const manifest = join(path, 'manifest.json')
    const text = readFileSync(manifest, 'utf8')
    expect(text).toContain(from)
    writeFileSync(manifest, text.replace(from, to))
    expect(refusal(() => loadArtefact(path)).message).toContain(
      'manifest.json: model hash, name or features are not those that the tables were built for',
    )
  })
})

describe('training ranges', () => {
  const shipped = trainingRanges(shippedArtefact('models/default'))
  const bounds = (name: string) => shipped.find(({ field }) => field === name)!

  test('are in the unit of the feature, and hold for the field to the last bit', () => {
    const ranges = trainingRanges(built.artefact)
    expect(ranges.map(({ field }) => field)).toEqual(shipped.map(({ field }) => field))
    for (const { field, multiplied_by, divided_by } of built.source.features) {
      const { minimum, maximum } = ranges.find((range) => range.field === field)!
      const due = bounds(field)
      const made = (value: number) => scaled(value, { multiplied_by, divided_by })
      expect([made(minimum) >= due.minimum, made(neighbour(minimum, -1)) < due.minimum]).toEqual([
        true,
        true,
      ])
      expect([made(maximum) <= due.maximum, made(neighbour(maximum, 1)) > due.maximum]).toEqual([
        true,
        true,
      ])
    }
    const income = ranges.find(({ field }) => field === 'annual_income')!
    expect(income.minimum).toBeGreaterThan(11 * bounds('annual_income').minimum)
  })

  test('refer by the number that the model is given', () => {
    const codes = '[training]\noutside_code = "OUT"\nmissing_code = "GONE"\n'
    const program = programOf({ artefact: built.artefact, policy: policyOf({ rules: codes }) })
    const reason = program.reasons.findIndex(
      ({ code, fields }) => code === 'OUT' && fields[0] === 'annual_income',
    )
    const { minimum, maximum } = bounds('annual_income')
    const incomes = [minimum, maximum]
      .map((bound) => bound * 12)
      .flatMap((income) => [neighbour(income, -1), income, neighbour(income, 1), income / 12])
    const engine = engineOf(program)
    const encoder = new ApplicationEncoder(applicationSchema)
    fill(
      engine,
      incomes.map((annual_income) => encoder.encode({ ...applications[0]!, annual_income })),
    )
    engine.decide(incomes.length)
    const fired = incomes.map((_, i) => ((engine.reasonSet(i) >> BigInt(reason)) & 1n) === 1n)
    expect(fired).toEqual(incomes.map((it) => it / 12 < minimum || it / 12 > maximum))
    expect(new Set(fired).size).toBe(2)
  })

  test('of two features on one field hold both', () => {
    const { manifest } = built.artefact
    const income = manifest.features.find(({ field }) => field === 'annual_income')!
    const training = { minimum: 24_000, maximum: 36_000, missing: 0.5 }
    const yearly = { name: 'yearly', field: 'annual_income', training }
    const features = [
      { ...income, training: { minimum: 2_500, maximum: 5_000, missing: 0 } },
      { ...income, divided_by: undefined, ...yearly },
    ]
    const both = { ...built.artefact, manifest: { ...manifest, features } }
    const range = { minimum: 30_000, maximum: 36_000, missing: 0 }
    expect(trainingRanges(both)).toEqual([{ field: 'annual_income', ...range }])
  })
})

describe('what makes no sense is refused', () => {
  const CASES: [what: string, scale: Scale, message: string][] = [
    ['0', ['a', 'annual_income', { divided_by: 0 }], 'features.1.divided_by: '],
    [
      'a negative number',
      ['a', 'annual_income', { multiplied_by: -1 }],
      'features.1.multiplied_by',
    ],
    ['text', ['a', 'annual_income', { multiplied_by: '12' }], 'features.1.multiplied_by'],
    ['1', ['a', 'annual_income', { divided_by: 1 }], '"a" is multiplied with or divided by 1'],
    [
      'both',
      ['a', 'annual_income', { divided_by: 12, multiplied_by: 2 }],
      '"a" is both multiplied and divided',
    ],
    [
      'the name of the field',
      ['annual_income', 'annual_income', { divided_by: 12 }],
      '"annual_income" is in another unit than its field and has its name',
    ],
  ]
  test.each(CASES)('%s', (_, scale, message) => {
    const path = modelOf([scale])
    const refused = refusal(() => buildModel(path, wasmModule))
    expect(refused.kind).toBe('usage')
    expect(refused.message).toMatch(/manifest\.json:\d+: /)
    expect(refused.message).toContain(message)
  })

  test('a unit that differs from the field, without a number between them', () => {
    const { artefact } = buildModel(
      modelOf([['a', 'annual_income', { unit: 'USD a month' }]]),
      wasmModule,
    )
    expect(refusal(() => programOf({ artefact })).message).toContain(
      'feature "a" is in USD a month and "annual_income" in USD a year: multiplied_by or divided_by',
    )
  })

  test('a number between a unit and itself', () => {
    const scale = { unit: 'USD a year', divided_by: 12 }
    const { artefact } = buildModel(modelOf([['a', 'annual_income', scale]]), wasmModule)
    expect(refusal(() => programOf({ artefact })).message).toContain(
      'feature "a" is multiplied or divided and in USD a year, as "annual_income" is',
    )
  })

  test.each<[string, unknown]>([
    ['boolean', 'boolean'],
    ['an enum', { type: 'enum', name: 'E', symbols: ['A', 'B'] }],
    ['a point in time', { type: 'long', logicalType: 'timestamp-millis' }],
    ['a date', { type: 'int', logicalType: 'date' }],
  ])('an amount made of %s', (_, type) => {
    const json = applicationSchema.json as { fields: { name: string }[] }
    const fields = json.fields.map((field) =>
      field.name === 'annual_income' ? { name: field.name, type } : field,
    )
    const version = schemaVersion({ ...json, fields } as never)
    const { artefact } = buildModel(
      modelOf([['a', 'annual_income', { divided_by: 12 }]]),
      wasmModule,
    )
    expect(refusal(() => programOf({ artefact, applications: [version] })).message).toContain(
      'feature "a" is in another unit than "annual_income", which is no amount and has no unit',
    )
  })
})
