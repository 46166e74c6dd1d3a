import { expect, test } from 'bun:test'
import { heapSize } from 'bun:jsc'
import { existsSync, mkdirSync, readdirSync } from 'node:fs'
import { stringify } from 'csv-stringify/sync'
import fc from 'fast-check'
import type { Application } from '../../src/applications/application.ts'
import { ApplicationChecker } from '../../src/applications/check.ts'
import { type ColumnMap, LENDING_CLUB, readColumnMap } from '../../src/applications/column-map.ts'
import { Generator } from '../../src/applications/generator.ts'
import { isBad } from '../../src/applications/source.ts'
import { fromRoot } from '../../src/paths.ts'
import { runs } from '../support/engine.ts'
import {
  Folder,
  SUBMITTED_AT,
  applicationsOf,
  collect,
  good,
  openForTest,
  refusal,
  schema,
  seen,
  variant,
} from './support.ts'

const NAMES = Object.keys(good)
const HEADER = NAMES.join(',')

function cellsOf(names: readonly string[]): string {
  return names.map((name) => good[name] ?? '').join(',')
}

/** A line of the good application with some cells as other text. */
function line(cells: Record<string, string> = {}): string {
  return NAMES.map((name) => cells[name] ?? good[name] ?? '').join(',')
}

async function read(content: string | Uint8Array, columns?: ColumnMap) {
  using folder = new Folder()
  const path = folder.write('a.csv', content)
  return seen(await collect(openForTest(path, { columns })))
}

async function readingFails(content: string | Uint8Array, columns?: ColumnMap) {
  using folder = new Folder()
  const path = folder.write('a.csv', content)
  const message = await refusal(() => collect(openForTest(path, { columns })))
  return message.replace(path, 'file')
}

test('a row becomes an application, empty cells null', async () => {
  expect(await read(`${HEADER}\n${line()}\n`)).toEqual([good])
})

test('columns may stand in any order', async () => {
  const names = NAMES.toReversed()
  expect(await read(`${names.join(',')}\n${cellsOf(names)}\n`)).toEqual([good])
})

const FORMS: [what: string, content: string][] = [
  ['no line feed at the end', `${HEADER}\n${line()}`],
  ['lines that end in CR LF', `${HEADER}\r\n${line()}\r\n`],
  ['a byte order mark', `\uFEFF${HEADER}\n${line()}\n`],
  ['blank lines', `\n${HEADER}\n\n   \n${line()}\n\n`],
  ['spaces around the cells', `${HEADER}\n${line().replaceAll(',', ' , ')}\n`],
  [
    'quotes around the cells',
    `"${HEADER.replaceAll(',', '","')}"\n"${line().replaceAll(',', '","')}"\n`,
  ],
]

test.each(FORMS)('%s are no matter', async (_, content) => {
  expect(await read(content)).toEqual([good])
})

test('quoted text holds commas and doubled quotes', async () => {
  const rows = await read(`${HEADER}\n${line({ application_id: '"a, ""b"""' })}\n`)
  expect(rows).toEqual([{ ...good, application_id: 'a, "b"' }])
})

const NUMBERS: [text: string, value: number][] = [
  ['5000', 5000],
  ['5000.', 5000],
  ['+5000.50', 5000.5],
  ['.5', 0.5],
  ['5e3', 5000],
  ['5E+3', 5000],
]

test.each(NUMBERS)('%s is a number', async (text, value) => {
  const rows = await read(`${HEADER}\n${line({ loan_amount: text })}\n`)
  expect(rows).toEqual([{ ...good, loan_amount: value }])
})

test('a whole number may be written with a point', async () => {
  const cells = { credit_score: '702.0', employment_years: '4.00', submitted_at: '1.5e15' }
  const rows = await read(`${HEADER}\n${line(cells)}\n`)
  expect(rows).toEqual([{ ...good, submitted_at: 1.5e15 }])
})

const BAD_CELLS: [field: string, text: string, message: string][] = [
  ['loan_amount', '12abc', 'must be a number, is "12abc"'],
  ['loan_amount', '1e400', 'must be a number, is "1e400"'],
  ['loan_amount', 'NaN', 'must be a number, is "NaN"'],
  ['loan_amount', 'Infinity', 'must be a number, is "Infinity"'],
  ['loan_amount', '0x10', 'must be a number, is "0x10"'],
  ['loan_amount', '1_000', 'must be a number, is "1_000"'],
  ['loan_amount', '"12,000"', 'must be a number, is "12,000"'],
  ['loan_amount', '$5', 'must be a number, is "$5"'],
  ['loan_amount', '.', 'must be a number, is "."'],
  ['loan_amount', '-1', 'must be above 0, is -1'],
  ['loan_amount', '', 'is missing'],
  ['credit_score', '700.5', 'must be a whole number, is 700.5'],
  ['credit_score', '900', 'must be at most 850, is 900'],
  ['application_id', '', 'is missing'],
  ['submitted_at', '', 'is missing'],
]

test.each(BAD_CELLS)('%s = %s is a bad row, and the next one is read', async (field, text, why) => {
  const rows = await read(`${HEADER}\n${line({ [field]: text })}\n${line()}\n`)
  expect(rows).toEqual([`file:2: ${field}: ${why}`, good])
})

test('a cell with very many digits is refused at once', async () => {
  const rows = await read(`${HEADER}\n${line({ loan_amount: `${'1'.repeat(900_000)}x` })}\n`)
  expect(rows[0]).toStartWith('file:2: loan_amount: must be a number, is "111')
})

test('a bad row with several faults says so', async () => {
  const rows = await read(`${HEADER}\n${line({ loan_amount: 'x', credit_score: '1', region: '' })}`)
  expect(rows).toEqual(['file:2: region: is missing (and 2 more fields)'])
})

const BAD_LINES: [what: string, line: string, message: string][] = [
  ['too few cells', 'a,b', 'has 2 columns, the header has 25'],
  ['too many cells', `${line()},1`, 'has 26 columns, the header has 25'],
  ['a quote within a cell', line({ region: '5" 11' }), 'has a quote out of place'],
  ['a quote that is never closed', line({ region: '"9' }), 'has a quote out of place'],
  ['text behind a quote', line({ region: '"9"x' }), 'has a quote out of place'],
  ['a NUL character', line({ region: '\0' }), 'holds a NUL character'],
  ['more than a MiB', 'x'.repeat(3 << 20), 'has more than 1048576 characters'],
]

test.each(BAD_LINES)('a line with %s is one bad row', async (_, bad, message) => {
  const rows = await read(`${HEADER}\n${line()}\n${bad}\n${line()}\n"unclosed\n${line()}\n`)
  const unclosed = 'file:5: has a quote out of place'
  expect(rows).toEqual([good, `file:3: ${message}`, good, unclosed, good])
})

test('a line that is no UTF-8 is one bad row', async () => {
  const latin1 = Buffer.from(line({ application_id: 'Müller' }), 'latin1')
  const content = Buffer.concat([Buffer.from(`${HEADER}\n`), latin1, Buffer.from(`\n${line()}\n`)])
  expect(await read(content)).toEqual(['file:2: is not UTF-8', good])
})

const BAD_HEADERS: [what: string, content: string, message: string][] = [
  ['an empty file', '', 'file: is empty; a header with the columns is missing'],
  [
    'a misspelt column',
    `${HEADER.replace('loan_amount', 'loan_amuont')}\n`,
    'file:1: column "loan_amuont" is no field; the nearest is loan_amount (a file given by --columns says which columns to take)',
  ],
  [
    'a missing column',
    'loan_amount,region\n',
    'file:1: the header has no column for annual_income, credit_score, ',
  ],
  ['a column twice', `${HEADER},region\n`, 'file:1: the header has the column "region" twice'],
  [
    'no header',
    `\n${line()}\n`,
    'file:2: column "0f8fad5b-d9cb-469f-a165-70867728950e" is no field',
  ],
  ['a broken quote', '"a,b\n1,2\n', 'file:1: the header has a quote out of place'],
]

test.each(BAD_HEADERS)('%s is refused with the place', async (_, content, message) => {
  expect(await readingFails(content)).toStartWith(message)
})

test('a file that is not there, or is a folder, is refused by its name', async () => {
  using folder = new Folder()
  const missing = folder.file('none.csv')
  expect(await refusal(() => collect(openForTest(missing)))).toStartWith(`cannot read ${missing}:`)
  const nested = folder.file('folder.csv')
  mkdirSync(nested)
  expect(await refusal(() => collect(openForTest(nested)))).toStartWith(`cannot read ${nested}:`)
})

test('without an id or a time the id is made from the row and the time given', async () => {
  const names = NAMES.filter((name) => name !== 'application_id' && name !== 'submitted_at')
  const cells = cellsOf(names)
  const content = `${names.join(',')}\n${cells}\n${cells}\n`
  const rows = (await read(content)) as Application[]
  const again = (await read(content)) as Application[]
  expect(again).toEqual(rows)
  expect(rows[0]!['application_id']).not.toBe(rows[1]!['application_id'])
  for (const row of rows) {
    expect(row['application_id']).toMatch(
      /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    )
    expect(row['submitted_at']).toBe(SUBMITTED_AT)
    expect({ ...row, application_id: 0, submitted_at: 0 }).toEqual({
      ...good,
      application_id: 0,
      submitted_at: 0,
    })
  }
  // What is added to a file does not change the ids of what was there.
  const grown = (await read(`${content}${cells}\n`)) as Application[]
  expect(grown.slice(0, 2)).toEqual(rows)
})

test('without a time given, it is the time of opening', async () => {
  const names = NAMES.filter((name) => name !== 'submitted_at')
  using folder = new Folder()
  const path = folder.write('a.csv', `${names.join(',')}\n${cellsOf(names)}\n`)
  const before = Date.now() * 1000
  const rows = await collect(openForTest(path, { submittedAt: undefined }))
  const [row] = applicationsOf(rows)
  expect(row!['submitted_at']).toBeGreaterThanOrEqual(before)
  expect(row!['submitted_at']).toBeLessThanOrEqual(Date.now() * 1000)
})

test('a column map renames columns and lets others be', async () => {
  const header = HEADER.replace('loan_amount', 'Amount').replace('region', 'ZIP')
  const columns: ColumnMap = {
    loan_amount: { column: 'Amount' },
    region: { column: 'ZIP', firstDigit: true },
  }
  const content = `${header},grade\n${line({ region: '94107' })},A\n`
  expect(await read(content, columns)).toEqual([good])
  expect(await read(`${HEADER},grade\n${line()},A\n`, {})).toEqual([good])
})

test('a column that the map names must be there', async () => {
  const columns: ColumnMap = { loan_amount: { column: 'Amount' } }
  const message = await readingFails(`${HEADER},amount\n`, columns)
  expect(message).toBe('file:1: the header has no column "Amount"; the nearest is "amount"')
})

const CODES: [code: string, region: string][] = [
  ['190', '1'],
  ['70', '0'],
  ['7', '0'],
  ['0', '0'],
  ['190xx', '1'],
  ['07302', '0'],
  ['94107', '9'],
]

test.each(CODES)('the first digit of the postal code %s is %s', async (code, region) => {
  const columns: ColumnMap = { region: { column: 'region', firstDigit: true } }
  expect(await read(`${HEADER}\n${line({ region: code })}`, columns)).toEqual([{ ...good, region }])
})

test('a postal code without digits is a bad row', async () => {
  const columns: ColumnMap = { region: { column: 'region', firstDigit: true } }
  const rows = await read(`${HEADER}\n${line({ region: 'K1A' })}\n${line({ region: '' })}`, columns)
  expect(rows).toEqual(['file:2: region: is no postal code: "K1A"', 'file:3: region: is missing'])
})

const BAD_MAPS: [content: string, message: string][] = [
  ['{"loan_amnt": {"column": "a"}}', '"loan_amnt" is no field; the nearest is loan_amount'],
  [
    '{"loan_amount": {"column": "a", "firstDigit": true}}',
    'loan_amount: firstDigit gives text, the field is double',
  ],
  ['{"loan_amount": {"colum": "a"}}', 'loan_amount'],
  ['{"loan_amount": "a"}', 'loan_amount: '],
  ['[]', ' '],
  ['{', ''],
]

test.each(BAD_MAPS)('the column map %s is refused', async (content, message) => {
  using folder = new Folder()
  const path = folder.write('columns.json', content)
  const { fields } = new ApplicationChecker(schema)
  const refused = await refusal(() => readColumnMap(path, fields))
  expect(refused).toStartWith(path)
  expect(refused).toContain(message)
})

test('a column map is read from a file', () => {
  using folder = new Folder()
  const path = folder.write('columns.json', JSON.stringify(LENDING_CLUB))
  expect(readColumnMap(path, new ApplicationChecker(schema).fields)).toEqual(LENDING_CLUB)
})

test('booleans and enums of a later schema are read', async () => {
  const channel = { type: 'enum', name: 'Channel', symbols: ['WEB', 'BRANCH'] }
  const later = variant((fields) => [
    ...fields,
    { name: 'channel', type: channel, default: 'WEB' },
    { name: 'joint', type: ['null', 'boolean'], default: null },
  ])
  using folder = new Folder()
  const cells = ['BRANCH,true', 'WEB,', 'WEB,false', 'FAX,', 'WEB,1']
  const lines = cells.map((added) => `${line()},${added}`)
  const path = folder.write('a.csv', `${HEADER},channel,joint\n${lines.join('\n')}`)
  expect(seen(await collect(openForTest(path, { schema: later })))).toEqual([
    { ...good, channel: 'BRANCH', joint: true },
    { ...good, channel: 'WEB', joint: null },
    { ...good, channel: 'WEB', joint: false },
    'file:5: channel: must be one of WEB, BRANCH, is "FAX"',
    'file:6: joint: must be true or false, is "1"',
  ])
})

test('applications that were written as CSV are read back as they were', async () => {
  const property = fc.asyncProperty(fc.integer({ min: 0 }), texts(), async (seed, ids) => {
    const generator = new Generator(seed)
    const written = ids.map((id) => ({ ...generator.next(), application_id: id }))
    const content = stringify(written, { header: true, columns: NAMES })
    expect(await read(content)).toEqual(written)
  })
  await fc.assert(property, runs(50))
})

/** Ids as a CSV cell can hold them: trimmed, not empty, of one line. */
function texts(): fc.Arbitrary<string[]> {
  const text = fc.string({ unit: 'grapheme', minLength: 1 }).map((s) => `x${s.trim()}x`)
  const oneLine = text.filter((s) => !/[\0\r\n]/.test(s))
  return fc.array(oneLine, { minLength: 1, maxLength: 20 })
}

test('any bytes at all give rows or one clear refusal', async () => {
  const property = fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
    const content = Buffer.concat([Buffer.from(`${HEADER}\n${line()}\n`), bytes])
    const rows = await read(content)
    expect(rows[0]).toEqual(good)
  })
  await fc.assert(property, runs(200))
})

test('a hundred thousand lines are read in order without being kept', async () => {
  using folder = new Folder()
  const count = 100_000
  const lines = Array.from({ length: count }, (_, i) => line({ application_id: `a${i}` }))
  const path = folder.write('a.csv', `${HEADER}\n${lines.join('\n')}\n`)
  lines.length = 0
  Bun.gc(true)
  const start = heapSize()
  let rows = 0
  let highest = 0
  for await (const row of openForTest(path)) {
    if (isBad(row) || row.application['application_id'] !== `a${rows}` || row.line !== rows + 2) {
      throw new Error(`row ${rows} is ${JSON.stringify(row)}`)
    }
    rows++
    if (rows % 10_000 === 0) {
      Bun.gc(true)
      highest = Math.max(highest, heapSize() - start)
    }
  }
  expect(rows).toBe(count)
  // The rows together are 16 MB of text, and some 60 MB as objects.
  expect(highest).toBeLessThan(12e6)
}, 60_000)

test.skipIf(!existsSync('/proc/self/fd'))('a reader that stops early closes the file', async () => {
  using folder = new Folder()
  const path = folder.write('a.csv', `${HEADER}\n${`${line()}\n`.repeat(20_000)}`)
  const open = () => readdirSync('/proc/self/fd').length
  const before = open()
  for (let i = 0; i < 20; i++) for await (const _ of openForTest(path)) break
  await Bun.sleep(50)
  expect(open() - before).toBeLessThan(10)
})

const REAL = fromRoot('../shared/data/lending-club.csv')
const realIsThere = existsSync(REAL)
const name = 'the columns of LendingClub are known, and all of its rows are read'

test.skipIf(!realIsThere)(
  realIsThere ? name : `${name} (skipped: ../shared/data/lending-club.csv is not there)`,
  async () => {
    const rows = await collect(openForTest(REAL))
    expect(rows.filter(isBad)).toEqual([])
    const applications = applicationsOf(rows)
    expect(new Set(applications.map((a) => a['application_id'])).size).toBe(applications.length)

    // The file without a CSV parser (it has no quotes), by the table in the README next to it.
    const [header, ...lines] = (await Bun.file(REAL).text()).trimEnd().split('\n')
    const readme = await Bun.file(fromRoot('../shared/data/README.md')).text()
    const table = [...readme.matchAll(/^\| `(\w+)` \| `(\w+)`/gm)].map(([, column, field]) => ({
      field: field!,
      index: header!.split(',').indexOf(column!),
    }))
    expect(table.length).toBe(23)
    const valueOf = (field: string, cell: string) => {
      if (field === 'region') return cell.padStart(3, '0')[0]!
      return cell === '' ? null : Number(cell)
    }
    const expected = lines.map((text, i) => ({
      application_id: applications[i]!['application_id']!,
      submitted_at: SUBMITTED_AT,
      ...Object.fromEntries(
        table.map(({ field, index }) => [field, valueOf(field, text.split(',')[index]!)]),
      ),
    }))
    expect(applications).toEqual(expected)
  },
)
