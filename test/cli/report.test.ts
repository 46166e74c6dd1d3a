// `report` over files: what every format says alike, groups of a file, errors with their place, and
// the page as a browser shows it.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Browser } from 'playwright-core'
import { writeContainer } from '../../src/applications/container-file.ts'
import type { DecisionRecord } from '../../src/decisions.ts'
import { fromRoot } from '../../src/paths.ts'
import type { Report } from '../../src/report/report.ts'
import { defaultProgram, makeInputs } from '../support/applications.ts'
import { browserUnavailable, complaintsOf, startBrowser } from '../support/browser.ts'
import { cli } from '../support/cli.ts'

setDefaultTimeout(60_000)

const COUNT = 3000
const AXE = fromRoot('node_modules/axe-core/axe.min.js')
const folder = mkdtempSync(join(tmpdir(), 'loanstream-report-'))
const path = (name: string) => join(folder, name)

let decisions: DecisionRecord[]

beforeAll(async () => {
  const records = makeInputs(COUNT, 1).map(({ value }) => value)
  await writeContainer(path('in.avro'), defaultProgram().applicationSchema, records)
  for (const output of ['d.jsonl', 'd.csv', 'd.avro']) {
    expect((await cli(['decide', '-i', path('in.avro'), '-o', path(output)])).code).toBe(0)
  }
  const lines = readFileSync(path('d.jsonl'), 'utf8').trim().split('\n')
  decisions = lines.map((line) => JSON.parse(line) as DecisionRecord)
  // Every other is in group a, every tenth in none, and five in a small one.
  const groups = decisions.flatMap(({ application_id: id }, i) => {
    if (i % 10 === 9) return []
    return [`${id},${i < 5 ? '<small> & "rare"' : i % 2 === 0 ? 'a' : 'b'},${i % 7}`]
  })
  const quoted = groups.map((line) => line.replace('<small> & "rare"', '"<small> & ""rare"""'))
  writeFileSync(path('strangers.csv'), 'application_id,age\nnobody,a\n')
  writeFileSync(path('groups.csv'), ['application_id,age,week', ...quoted, ''].join('\n'))
})

async function reportOf(args: readonly string[]): Promise<Report> {
  const { code, out, err } = await cli(['report', '--json', ...args])
  expect([code, err]).toEqual([0, ''])
  return JSON.parse(out) as Report
}

const count = (outcome: string, among: readonly DecisionRecord[] = decisions) =>
  among.filter(({ decision }) => decision === outcome).length

describe('a report', () => {
  test('says the same of JSON lines, CSV and a container', async () => {
    const reports = await Promise.all(
      ['d.jsonl', 'd.csv', 'd.avro'].map((file) =>
        reportOf(['-i', path(file), '--applications', path('in.avro')]),
      ),
    )
    const [first, ...others] = reports.map((report) => ({ ...report, source: '' }))
    for (const other of others) expect(other).toEqual(first!)
    expect(first!.decisions).toBe(COUNT)
    expect(first!.outcomes.approved!.count).toBe(count('approved'))
    expect(first!.applications).toMatchObject({ found: COUNT, repeated: 0, unreadable: 0 })
    const [regions] = first!.groupings
    expect(regions!.column).toBe('region')
    const sum = regions!.groups.reduce((all, group) => all + group.decisions, 0)
    expect([sum, regions!.unknown]).toEqual([COUNT, null])
    for (const { code, decisions: number } of first!.reasons) {
      const having = decisions.filter(({ reasons }) => reasons.some((one) => one.code === code))
      expect({ code, number }).toEqual({ code, number: having.length })
    }
  })

  test('compares score and features with the training data', async () => {
    const { stability } = await reportOf(['-i', path('d.avro'), '--applications', path('in.avro')])
    const training = JSON.parse(readFileSync(fromRoot('models/default/training.json'), 'utf8')) as {
      features: { name: string }[]
    }
    expect(stability!.decisions).toBe(COUNT)
    expect(stability!.features!.map(({ name }) => name)).toEqual(
      training.features.map(({ name }) => name),
    )
    const edges = stability!.score.edges
    const below = decisions.filter(({ margin }) => margin <= edges[0]!).length
    expect(stability!.score.now[0]!).toBeCloseTo(below / COUNT, 12)
    // Synthetic applications follow the training data feature by feature.
    for (const { name, psi } of stability!.features!) {
      expect({ name, low: psi! >= 0 && psi! < 0.25 }).toEqual({ name, low: true })
    }
  })

  test('joins groups of a file, names small ones and counts what is not known', async () => {
    const { groupings, stability } = await reportOf([
      '-i',
      path('d.jsonl'),
      '--groups',
      path('groups.csv'),
      '--group-column',
      'age',
      'week',
    ])
    expect(groupings.map(({ column }) => column)).toEqual(['age', 'week'])
    const [small, a] = groupings[0]!.groups
    expect(small).toMatchObject({ group: '<small> & "rare"', decisions: 5, ratio: null })
    expect(small!.too_small).toBe('5 decisions, fewer than 30')
    const inA = decisions.filter((_, i) => i >= 5 && i % 10 !== 9 && i % 2 === 0)
    expect(a).toMatchObject({ group: 'a', decisions: inA.length })
    expect(a!.rates.approved!.count).toBe(count('approved', inA))
    expect(groupings[0]!.unknown!.decisions).toBe(COUNT / 10)
    expect(stability!.features).toBeNull()
  })

  test('points out what is below a threshold, with exit code 0', async () => {
    const args = ['-i', path('d.jsonl'), '--groups', path('groups.csv'), '--group-column', 'week']
    const { alerts, groupings } = await reportOf([...args, '--threshold', '1'])
    const others = groupings[0]!.groups.filter(({ is_reference: isReference }) => !isReference)
    expect(alerts.length).toBe(others.length)
    const { out } = await cli(['report', ...args])
    expect(out).toContain('reference')
    expect(out.toLowerCase()).not.toMatch(/complian|unlawful|illegal/)
  })

  test('leaves out decisions that are there twice, and says so', async () => {
    const lines = readFileSync(path('d.jsonl'), 'utf8').trim().split('\n')
    const changed = JSON.stringify({ ...decisions[1]!, margin: 9 })
    writeFileSync(path('twice.jsonl'), [...lines, lines[0], changed].join('\n'))
    const report = await reportOf(['-i', path('twice.jsonl')])
    expect(report.decisions).toBe(COUNT)
    expect(report.left_out).toEqual({ repeated: 1, contradicting: 1, unreadable: 0 })
  })

  test('of another model’s decisions compares nothing with this one’s training', async () => {
    const others = decisions.map((one) => JSON.stringify({ ...one, model: 'ab'.repeat(32) }))
    writeFileSync(path('other.jsonl'), others.join('\n'))
    const { stability, stability_note: note } = await reportOf(['-i', path('other.jsonl')])
    expect(stability).toBeNull()
    expect(note).toContain('the decisions are of abababababab')
  })
})

describe('what is wrong is told with its place', () => {
  const cases: [what: string, file: string, change: (line: string) => string, says: string][] = [
    ['no JSON', 'bad.jsonl', () => '{"a":', 'bad.jsonl:2: is not JSON'],
    [
      'no decision',
      'bad.jsonl',
      (l) => l.replace('"margin"', '"margni"'),
      'the nearest is "margni"',
    ],
    [
      'an outcome that is none',
      'bad.jsonl',
      (l) => l.replace(/"decision":"\w+"/, '"decision":"maybe"'),
      'bad.jsonl:2: decision: ',
    ],
    ['a cell too many', 'bad.csv', (l) => `${l},7`, 'bad.csv:2: '],
    [
      'text for a number',
      'bad.csv',
      (l) => l.replace(/,-?\d+\.\d+,/, ',x,'),
      'bad.csv:2: margin: ',
    ],
  ]
  test.each(cases)('%s', async (_, file, change, says) => {
    const good = readFileSync(path(file.replace('bad', 'd')), 'utf8')
      .trim()
      .split('\n')
    writeFileSync(path(file), [good[0]!, change(good[1]!), good[2]!].join('\n'))
    const { code, out, err } = await cli(['report', '-i', path(file)])
    expect([code, out, err]).toEqual([2, '', expect.stringContaining(says)])
  })

  const options: [args: string, says: string][] = [
    ['-i D --from 2026-11-23', '--from goes with a topic'],
    ['-i D --groups G', '--groups needs --group-column'],
    [
      '-i D --groups G --group-column agee',
      'groups.csv:1: has no column "agee"; the nearest is "age"',
    ],
    [
      '-i D --groups S --group-column age',
      'strangers.csv: no application_id of its 1 rows is that of a decision',
    ],
    ['-i D --group-column region', '--group-column goes with --groups, --applications or a topic'],
    ['-i D --applications A --group-column regoin', 'the nearest is region'],
    ['-i D --applications A --reference sex=f', '--reference sex: groups are by region'],
    ['-i D --applications A --reference region', 'It must be COLUMN=GROUP.'],
    ['-i D --confidence 97', 'It must be one of 90, 95, 99.'],
    ['-i D --columns x.json', '--columns goes with --applications'],
    ['-i D -o report.pdf', 'a report is written as .html'],
    ['-i D.txt', 'decisions are read from .jsonl, .csv or .avro'],
    ['-i D --threshld 0.7', '--threshold'],
    ['-i nowhere.csv', 'nowhere.csv'],
    ['--from noon', '--from noon: must be a time such as'],
    ['--from 2026-11-23', 'bootstrap.servers is not set'],
  ]
  test.each(options)('%s', async (args, says) => {
    const names = {
      D: path('d.jsonl'),
      G: path('groups.csv'),
      A: path('in.avro'),
      S: path('strangers.csv'),
    }
    const given = args.split(' ').map((arg) => names[arg as keyof typeof names] ?? arg)
    const { code, out, err } = await cli(['report', ...given])
    expect([code, out, err]).toEqual([2, '', expect.stringContaining(says)])
  })
})

const unavailable = browserUnavailable()
if (unavailable !== undefined) console.warn(unavailable)

describe.skipIf(unavailable !== undefined)('the page', () => {
  let browser: Browser

  beforeAll(async () => {
    browser = await startBrowser()
    const args = ['--groups', path('groups.csv'), '--group-column', 'age', '--threshold', '1']
    const all = ['-i', path('d.avro'), '--applications', path('in.avro'), ...args]
    expect((await cli(['report', ...all, '-o', path('r.html')])).code).toBe(0)
  })

  afterAll(() => browser?.close())

  test.each([
    ['light', { width: 1400, height: 900 }],
    ['dark', { width: 390, height: 844 }],
  ] as const)('in %s shows charts and tables, and needs nothing else', async (scheme, viewport) => {
    await using context = await browser.newContext({ colorScheme: scheme, viewport })
    const page = await context.newPage()
    const complaints = complaintsOf(page)
    const asked: string[] = []
    page.on('request', (request) => asked.push(request.url()))
    await page.goto(`file://${path('r.html')}`)
    expect(asked).toEqual([`file://${path('r.html')}`])
    // Two for each of age and region, two of the training data, one of reasons.
    expect(await page.locator('figure svg').count()).toBe(7)
    await page.getByRole('rowheader', { name: '<small> & "rare"' }).waitFor()
    await page.getByText('too small to say: 5 decisions, fewer than 30').waitFor()
    // Bars take the page's colours.
    const fill = await page.evaluate(
      `getComputedStyle(document.querySelector('path[fill="var(--approved)"]')).fill`,
    )
    expect(fill).toBe(scheme === 'light' ? 'rgb(11, 122, 91)' : 'rgb(79, 207, 159)')
    expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(viewport.width)
    await page.evaluate(readFileSync(AXE, 'utf8'))
    const { violations } = (await page.evaluate('axe.run()')) as { violations: { id: string }[] }
    expect(violations.map(({ id }) => id)).toEqual([])
    expect(complaints).toEqual([])
  })
})
