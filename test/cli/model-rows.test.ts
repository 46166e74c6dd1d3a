// Rows for a model from CSV and JSON lines: which column is which feature, what is missing, and
// what is refused with its line and field.

import { afterAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type RowBatch, featureColumns, readRows } from '../../src/cli/model/rows.ts'
import { OperatingError } from '../../src/errors.ts'

const folder = mkdtempSync(join(tmpdir(), 'loanstream-rows-'))
afterAll(() => rmSync(folder, { recursive: true }))

const FEATURES = [
  { name: 'amount', field: 'loan_amount' },
  { name: 'income', field: 'annual_income' },
]

async function read(name: string, text: string): Promise<RowBatch[]> {
  const path = join(folder, name)
  writeFileSync(path, text)
  return await Array.fromAsync(readRows(path, [featureColumns(FEATURES)]))
}

/** The rows' values, [amount, income] each. */
async function values(name: string, text: string): Promise<number[][]> {
  const batches = await read(name, text)
  return batches.flatMap(({ count, values: [all] }) =>
    Array.from({ length: count }, (_, i) => [...all!.subarray(i * 2, i * 2 + 2)]),
  )
}

const { NaN: MISSING, POSITIVE_INFINITY: INFINITE } = Number

const READ: [what: string, name: string, text: string, rows: number[][]][] = [
  ['columns in any order', 'a.csv', 'income,amount\n2,1\n', [[1, 2]]],
  ['other columns passed over', 'a.csv', 'id,amount,income,note\nx,1,2,"a, b"\n', [[1, 2]]],
  ['columns by their fields', 'a.csv', 'loan_amount,annual_income\n1,2\n', [[1, 2]]],
  ['a name before a field', 'a.csv', 'loan_amount,amount,income\n9,1,2\n', [[1, 2]]],
  [
    'quotes, spaces, CR LF and blank lines',
    'a.csv',
    '"amount", income\r\n\r\n"1", 2\r\n',
    [[1, 2]],
  ],
  [
    'what is missing',
    'a.csv',
    'amount,income\n,NA\nnan,NULL\nNaN,null\n',
    [
      [MISSING, MISSING],
      [MISSING, MISSING],
      [MISSING, MISSING],
    ],
  ],
  [
    'numbers as they are written',
    'a.csv',
    'amount,income\n-0,+1.5e-3\n.5,5e-324\nInfinity,-inf\nTRUE,false\n0.1,1e23\n',
    [
      [-0, 0.0015],
      [0.5, 5e-324],
      [INFINITE, -INFINITE],
      [1, 0],
      [0.1, 1e23],
    ],
  ],
  [
    'JSON lines',
    'a.jsonl',
    '{"income":2,"amount":1,"id":"x"}\n\n{"amount":3,"income":4}\n',
    [
      [1, 2],
      [3, 4],
    ],
  ],
  [
    'JSON lines with null, text and truth',
    'a.ndjson',
    '{"amount":null,"income":"NaN"}\n{"amount":true,"income":"-Infinity"}\n',
    [
      [MISSING, MISSING],
      [1, -INFINITE],
    ],
  ],
]

test.each(READ)('reads %s', async (_, name, text, rows) => {
  const actual = await values(name, text)
  expect(actual.length).toBe(rows.length)
  for (const [i, row] of rows.entries()) {
    for (const [k, value] of row.entries()) expect(Object.is(actual[i]![k], value)).toBeTrue()
  }
})

test('reads many rows in batches, with their lines', async () => {
  const lines = Array.from({ length: 2500 }, (_, i) => `${i},${-i}`)
  const batches = await read('many.csv', `amount,income\n\n${lines.join('\n')}`)
  expect(batches.map(({ count }) => count)).toEqual([1024, 1024, 452])
  expect(batches.flatMap((batch) => batch.lines)).toEqual(lines.map((_, i) => i + 3))
  const amounts = batches.flatMap(({ count, values: [all] }) =>
    Array.from({ length: count }, (_, i) => all![i * 2]!),
  )
  expect(amounts).toEqual(lines.map((_, i) => i))
})

const REFUSED: [what: string, name: string, text: string, says: string][] = [
  [
    'a bad number',
    'b.csv',
    'amount,income\n1,2\n1,2x\n',
    'b.csv:3: income: must be a number, is "2x"',
  ],
  ['a hexadecimal number', 'b.csv', 'amount,income\n0x10,2\n', 'b.csv:2: amount: must be'],
  ['a number beyond doubles', 'b.csv', 'amount,income\n1e999,2\n', 'b.csv:2: amount: must be'],
  ['a decimal comma', 'b.csv', 'amount,income\n"1,5",2\n', 'b.csv:2: amount: must be'],
  [
    'the name of an inherited property',
    'b.csv',
    'amount,income\nconstructor,2\n',
    'b.csv:2: amount:',
  ],
  [
    'a cell too many',
    'b.csv',
    'amount,income\n1,2,3\n',
    'b.csv:2: has 3 columns, the header has 2',
  ],
  ['a cell too few', 'b.csv', 'amount,income\n1\n', 'b.csv:2: has 1 columns, the header has 2'],
  ['an open quote', 'b.csv', 'amount,income\n"1,2\n', 'b.csv:2: has a quote out of place'],
  [
    'a column that is not there',
    'b.csv',
    'amount,incme\n1,2\n',
    'b.csv:1: no column for income; the nearest to the first is "incme"',
  ],
  [
    'a column twice',
    'b.csv',
    'amount,income,amount\n1,2,3\n',
    'b.csv:1: there are two columns "amount"',
  ],
  ['text that is no UTF-8', 'b.csv', 'amount,income\n\uD800,2\n', 'b.csv:2: amount: must be'],
  [
    'a key that is not there',
    'b.jsonl',
    '{"amount":1,"income":2}\n{"amount":1}\n',
    'b.jsonl:2: income: is not there',
  ],
  [
    'an object for a number',
    'b.jsonl',
    '{"amount":{},"income":2}\n',
    'b.jsonl:1: amount: must be a number',
  ],
  [
    'JSON that is none',
    'b.jsonl',
    '{"amount":1,"income":2}\n{"amount":NaN}\n',
    'b.jsonl:2: is not JSON',
  ],
  ['a line that is no object', 'b.jsonl', '[1,2]\n', 'b.jsonl:1: must be an object'],
  [
    'a file of another kind',
    'b.parquet',
    '',
    'b.parquet: is no file of rows; these are: .csv, .jsonl, .ndjson',
  ],
]

describe('refuses', () => {
  test.each(REFUSED)('%s', async (_, name, text, says) => {
    const error = await values(name, text).then(
      () => undefined,
      (reason: unknown) => reason,
    )
    expect(error).toBeInstanceOf(OperatingError)
    expect((error as OperatingError).kind).toBe('usage')
    expect((error as OperatingError).message).toContain(says)
  })

  test('a column that would be two features', () => {
    const crossed = [
      { name: 'a', field: 'b' },
      { name: 'b', field: 'c' },
    ]
    expect(() => featureColumns(crossed)(['b'], 'x.csv:1')).toThrow(
      'x.csv:1: column "b" would be two features',
    )
  })

  test('more missing columns than it names', () => {
    const many = Array.from({ length: 8 }, (_, i) => ({ name: `f${i}`, field: `f${i}` }))
    expect(() => featureColumns(many)(['g0'], 'x.csv:1')).toThrow(
      'no column for f0, f1, f2, f3, f4 and 3 more; the nearest to the first is "g0"',
    )
  })
})
