// `decide` from file to file: the same bytes as the stream's, in every format.

import { expect, setDefaultTimeout, test } from 'bun:test'
import {
  existsSync,
  linkSync,
  mkdtempSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { writeContainer } from '../../src/applications/container-file.ts'
import { readContainerRecords } from '../../src/applications/container.ts'
import { DecisionDecoder } from '../../src/decisions.ts'
import { rawScore } from '../../src/compiler/forest.ts'
import { parseLightGbm } from '../../src/compiler/lightgbm.ts'
import { ROOT, fromRoot } from '../../src/paths.ts'
import { TOPICS, defaultProgram, expectedOutcomes, makeInputs } from '../support/applications.ts'
import { cli } from '../support/cli.ts'

setDefaultTimeout(60_000)

const folder = mkdtempSync(join(tmpdir(), 'loanstream-decide-'))
const path = (name: string) => join(folder, name)
const real = join(ROOT, '../shared/data/lending-club.csv')

async function applicationsFile(name: string, count: number, poison = 0) {
  const inputs = makeInputs(count, 1, poison)
  const records = inputs.map(({ value }) => value)
  await writeContainer(path(name), defaultProgram().applicationSchema, records)
  return inputs
}

test('a container in, a container out: the very bytes that the stream would hold', async () => {
  const inputs = await applicationsFile('in.avro', 3000)
  const args = ['decide', '-i', path('in.avro'), '-o', path('out.avro'), '--json']
  const { code, out } = await cli(args)
  expect(code).toBe(0)
  expect(JSON.parse(out)).toMatchObject({ applications: 3000, undecided: 0 })
  const written = await Array.fromAsync((await readContainerRecords(path('out.avro'))).records)
  const [expected] = expectedOutcomes(inputs, TOPICS.applications)
  expect(written.length).toBe(3000)
  for (const [i, outcome] of expected!.entries()) {
    expect('decision' in outcome && Buffer.compare(outcome.decision, written[i]!)).toBe(0)
  }
})

test('JSON lines and CSV say the same as the container', async () => {
  await applicationsFile('in.avro', 500)
  for (const output of ['out.jsonl', 'out.csv', 'out.avro']) {
    expect((await cli(['decide', '-i', path('in.avro'), '-o', path(output)])).code).toBe(0)
  }
  const decoder = new DecisionDecoder(defaultProgram().decisionSchema)
  const records = await Array.fromAsync((await readContainerRecords(path('out.avro'))).records)
  const decisions = records.map((record) => decoder.decode(record))
  const lines = readFileSync(path('out.jsonl'), 'utf8').trim().split('\n')
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual(decisions)
  const rows = readFileSync(path('out.csv'), 'utf8').trim().split('\n')
  expect(rows[0]).toStartWith('application_id,decision,margin,')
  expect(rows.length).toBe(decisions.length + 1)
  expect(rows.slice(1).map((row) => row.split(',').slice(0, 3).join())).toEqual(
    decisions.map((d) => `${d.application_id},${d.decision},${d.margin}`),
  )
})

test('partition and offset may be as large as the record holds', async () => {
  await applicationsFile('in.avro', 3)
  const place = ['--partition', String(2 ** 31 - 1), '--offset', String(2 ** 52)]
  const { code } = await cli(['decide', '-i', path('in.avro'), '-o', path('o.jsonl'), ...place])
  expect(code).toBe(0)
  const lines = readFileSync(path('o.jsonl'), 'utf8').trim().split('\n')
  const places = lines.map((line) => JSON.parse(line) as { partition: number; offset: number })
  expect(places.map(({ offset }) => offset - 2 ** 52)).toEqual([0, 1, 2])
  expect(places.map(({ partition }) => partition)).toEqual(places.map(() => 2 ** 31 - 1))
})

test('the input is never the output, under whatever name', async () => {
  await applicationsFile('same.avro', 3)
  const before = readFileSync(path('same.avro'))
  symlinkSync(path('same.avro'), path('symbolic.avro'))
  linkSync(path('same.avro'), path('hard.avro'))
  const roundabout = join(folder, '..', basename(folder), 'same.avro')
  for (const output of [path('same.avro'), path('symbolic.avro'), path('hard.avro'), roundabout]) {
    const { code, err } = await cli(['decide', '-i', path('same.avro'), '-o', output])
    expect({ output, code }).toEqual({ output, code: 2 })
    expect(err).toContain('the same file')
    expect(err.trim()).not.toContain('\n')
  }
  expect(readFileSync(path('same.avro')).equals(before)).toBe(true)
  const fresh = ['decide', '-i', path('symbolic.avro'), '-o', path('fresh.avro')]
  expect((await cli(fresh)).code).toBe(0)
  // What an earlier run wrote may be replaced.
  expect((await cli(fresh)).code).toBe(0)
})

test('rows that make no decision are told with their line, and skipped or fatal by flag', async () => {
  const good =
    '{"application_id":"a","submitted_at":1,"region":"9","loan_amount":5000,"annual_income":50000,"credit_score":700,"debt_to_income":10,"delinquencies_2y":0,"inquiries_6m":0,"open_accounts":5,"total_accounts":9,"public_records":0,"bankruptcies":0,"revolving_balance":100,"mortgage_accounts":0,"total_balance":1000,"revolving_limit":5000,"accounts_opened_24m":1,"months_since_oldest_revolving":90,"average_balance":200,"active_revolving_accounts":2}'
  const bad = good.replace('"loan_amount":5000', '"loan_amount":-5')
  writeFileSync(path('in.jsonl'), [good, bad, 'not json', good].join('\n'))
  const skip = await cli(['decide', '-i', path('in.jsonl'), '-o', path('a.jsonl'), '--json'])
  expect(skip.code).toBe(0)
  expect(JSON.parse(skip.out)).toMatchObject({ applications: 4, undecided: 2 })
  expect(skip.err).toContain('in.jsonl:2: loan_amount:')
  expect(skip.err).toContain('in.jsonl:3:')
  const stop = await cli([
    'decide',
    '-i',
    path('in.jsonl'),
    '-o',
    path('b.jsonl'),
    '--on-error',
    'stop',
  ])
  expect(stop.code).toBe(1)
  expect(stop.err).toContain('in.jsonl:2: loan_amount:')
  expect(existsSync(path('b.jsonl'))).toBe(false)
})

test.skipIf(!existsSync(real))(
  "the real loans' margins equal LightGBM's trees walked in doubles (skipped without the shared data)",
  async () => {
    expect((await cli(['decide', '-i', real, '-o', path('real.jsonl')])).code).toBe(0)
    const lines = readFileSync(path('real.jsonl'), 'utf8').trim().split('\n')
    expect(lines.length).toBe(9437)
    const model = fromRoot('models/default/model.txt')
    const forest = parseLightGbm(readFileSync(model, 'utf8'), model)
    const [header, ...rows] = readFileSync(real, 'utf8')
      .trim()
      .split('\n')
      .map((l) => l.split(','))
    const columns = [
      'loan_amnt',
      'annual_inc',
      'fico_range_high',
      'dti',
      'emp_length',
      'delinq_2yrs',
      'mths_since_last_delinq',
      'inq_last_6mths',
      'open_acc',
      'total_acc',
      'pub_rec',
      'pub_rec_bankruptcies',
      'revol_bal',
      'revol_util',
      'mort_acc',
      'tot_cur_bal',
      'total_rev_hi_lim',
      'acc_open_past_24mths',
      'mo_sin_old_rev_tl_op',
      'avg_cur_bal',
      'bc_util',
      'num_actv_rev_tl',
    ].map((name) => header!.indexOf(name))
    for (const [i, row] of rows.entries()) {
      const values = columns.map((c) => (row[c] === '' ? Number.NaN : Number(row[c])))
      const { margin } = JSON.parse(lines[i]!) as { margin: number }
      expect(Object.is(margin, rawScore(forest, values))).toBe(true)
    }
  },
)
