import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { Generator } from '../../src/applications/generator.ts'
import { runs } from '../support/engine.ts'
import { Folder, SUBMITTED_AT, collect, good, openForTest, seen, without } from './support.ts'

async function read(content: string | Uint8Array, name = 'a.jsonl') {
  using folder = new Folder()
  return seen(await collect(openForTest(folder.write(name, content))))
}

test('each line is an application, blank lines are passed over', async () => {
  const text = JSON.stringify(good)
  expect(await read(`${text}\n\n  \r\n${text}\r\n${text}`)).toEqual([good, good, good])
  expect(await read(`\uFEFF${text}\n`, 'a.ndjson')).toEqual([good])
  expect(await read('')).toEqual([])
})

test('fields with a default may be left out', async () => {
  const text = JSON.stringify(without('employment_years', 'bankcard_utilization'))
  expect(await read(text)).toEqual([{ ...good, employment_years: null }])
})

const BAD: [line: string, message: string][] = [
  ['{"loan_amount": 5,', 'is not JSON: property name expected at column 19'],
  ['{"loan_amount": 1 2}', 'is not JSON: comma expected at column 19'],
  ['{"loan_amount": NaN}', 'is not JSON: invalid symbol at column 17'],
  ['[1]', 'must be an object of fields, is [1]'],
  ['null', 'must be an object of fields, is null'],
  ['"text"', 'must be an object of fields, is "text"'],
  ['{"loan_amuont": 5}', '"loan_amuont" is no field; the nearest is loan_amount'],
  ['{"__proto__": {"region": "9"}}', '"__proto__" is no field; the nearest is '],
  ['{}', 'region: is missing (and 18 more fields)'],
  [JSON.stringify({ ...good, loan_amount: '5' }), 'loan_amount: must be a number, is "5"'],
  [JSON.stringify({ ...good, loan_amount: {} }), 'loan_amount: must be a number, is {}'],
  [JSON.stringify({ ...good, application_id: '' }), 'application_id: is empty'],
  [JSON.stringify({ ...good, submitted_at: null }), 'submitted_at: is missing'],
  [
    JSON.stringify(good).replace('12000', '1e400'),
    'loan_amount: must be a finite number, is Infinity',
  ],
  [
    JSON.stringify({ ...good, application_id: '\ud800' }),
    'application_id: is not valid Unicode: "\\ud800"',
  ],
]

test.each(BAD)('%s is a bad row, and the next one is read', async (line, message) => {
  const rows = await read(`${line}\n${JSON.stringify(good)}\n`)
  expect(rows[0]).toStartWith(`file:1: ${message}`)
  expect(rows.slice(1)).toEqual([good])
})

test('a line that is no UTF-8 is one bad row', async () => {
  const text = JSON.stringify(good)
  const content = Buffer.concat([
    Buffer.from(`${text}\n"`),
    Buffer.of(0xff),
    Buffer.from(`"\n${text}`),
  ])
  expect(await read(content)).toEqual([good, 'file:2: is not UTF-8', good])
})

test('without an id or a time they are made, the same again for the same file', async () => {
  const text = JSON.stringify(without('application_id', 'submitted_at'))
  const rows = await read(`${text}\n${text}\n`)
  expect(await read(`${text}\n${text}\n`)).toEqual(rows)
  expect(rows[0]).toMatchObject({ submitted_at: SUBMITTED_AT })
  expect(rows[0]).not.toEqual(rows[1]!)
})

test('generated applications are read back as they were', async () => {
  const property = fc.asyncProperty(fc.nat(), fc.nat({ max: 50 }), async (seed, count) => {
    const generator = new Generator(seed)
    const written = Array.from({ length: count }, () => generator.next())
    expect(await read(written.map((a) => JSON.stringify(a)).join('\n'))).toEqual(written)
  })
  await fc.assert(property, runs(30))
})
