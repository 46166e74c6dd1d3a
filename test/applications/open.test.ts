import { expect, test } from 'bun:test'
import { openApplications } from '../../src/applications/open.ts'
import { badRowText } from '../../src/applications/source.ts'
import { collect, Folder, good, openForTest, refusal, schema, seen } from './support.ts'

test.each(['a.txt', 'a', 'a.csv.gz', '.csv'])(
  '%s is refused with the extensions there are',
  async (path) => {
    const message = await refusal(() => openApplications(path, { schema }))
    expect(message).toBe(
      `${path}: is no file of applications; these are: .csv, .jsonl, .ndjson, .avro`,
    )
  },
)

test('the extension may be in capitals', async () => {
  using folder = new Folder()
  const path = folder.write('A.JSONL', JSON.stringify(good))
  expect(seen(await collect(openForTest(path)))).toEqual([good])
})

test('a source can be read a second time', async () => {
  using folder = new Folder()
  const source = openForTest(folder.write('a.jsonl', JSON.stringify(good)))
  expect(await collect(source)).toEqual(await collect(source))
})

test('a column map for anything but a CSV is refused', async () => {
  const message = await refusal(() => openApplications('a.avro', { schema, columns: {} }))
  expect(message).toBe('a.avro: a column map is for .csv')
})

test('a bad row reads like a compiler error', () => {
  const row = { line: 17, field: 'credit_score', message: 'is missing' }
  expect(badRowText('a.csv', row)).toBe('a.csv:17: credit_score: is missing')
  expect(badRowText('a.csv', { line: 17, message: 'is not JSON' })).toBe('a.csv:17: is not JSON')
})
