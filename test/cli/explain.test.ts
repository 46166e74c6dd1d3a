// `explain`: from a file and from a topic, for people, as JSON and as a picture.

import { beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeContainer } from '../../src/applications/container-file.ts'
import type { Explanation } from '../../src/explain/explanation.ts'
import { rawScore } from '../../src/compiler/forest.ts'
import { readModel } from '../../src/compiler/model-source.ts'
import { DecisionDecoder } from '../../src/decisions.ts'
import { BUILD, fromRoot } from '../../src/paths.ts'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import { MockCluster } from '../../src/rdkafka/mock-cluster.ts'
import {
  TOPICS,
  defaultProgram,
  expectedOutcomes,
  makeInputs,
  send,
} from '../support/applications.ts'
import { cli } from '../support/cli.ts'

setDefaultTimeout(60_000)

const folder = mkdtempSync(join(tmpdir(), 'loanstream-explain-'))
const input = join(folder, 'in.avro')
const inputs = makeInputs(60, 1)
const decoder = new DecisionDecoder(defaultProgram().decisionSchema)
const decisions = expectedOutcomes(inputs, TOPICS.applications)[0]!.map((outcome) => {
  if ('deadLetter' in outcome) throw new Error('every application is decided')
  return decoder.decode(outcome.decision)
})
const rejected = decisions.findIndex(({ decision, reasons }) => {
  return decision === 'rejected' && reasons.length === 4
})

beforeAll(async () => {
  openLibrary(libraryPath(BUILD))
  const records = inputs.map(({ value }) => value)
  await writeContainer(input, defaultProgram().applicationSchema, records)
})

async function explained(args: readonly string[]): Promise<Explanation> {
  const { code, out, err } = await cli(['explain', '--json', ...args])
  expect({ code, err }).toEqual({ code: 0, err: '' })
  return JSON.parse(out) as Explanation
}

test('the decision again, and contributions that add up to its margin', async () => {
  const { forest, explained: own } = readModel(fromRoot('models/default'))
  const explanation = await explained(['-i', input, '--row', String(rejected + 1)])
  expect(explanation.decision).toEqual(decisions[rejected]!)
  const { decision, features, reference, score_reasons: reasons, rules } = explanation
  const sum = features.reduce((total, { contribution }) => total + contribution!, 0)
  expect(reference!.margin).toBe(rawScore(forest, own!.reference.rows[0]!))
  expect(reference!.margin + sum).toBeCloseTo(decision.margin, 9)
  expect(features.length).toBe(forest.features.length)
  const stated = reasons.filter(({ given }) => given)
  const fired = rules.filter((rule) => rule.fired).map(({ code }) => code)
  const codes = [...fired.filter((code) => !code.startsWith('RISK_')), ...stated.map((r) => r.code)]
  expect(decision.reasons.map(({ code }) => code)).toEqual(codes)
  for (const { margin_without: without } of stated) expect(without).toBeLessThan(decision.margin)
  for (const { statement } of stated) expect(statement).not.toBe('')
})

test('by its id, as a table and as a picture', async () => {
  const svg = join(folder, 'waterfall.svg')
  const id = decisions[rejected]!.application_id
  const { code, out } = await cli(['explain', '-i', input, '--id', id, '--svg', svg])
  expect(code).toBe(0)
  expect(out).toContain(`application  ${id}\ndecision     rejected`)
  for (const { code: reason } of decisions[rejected]!.reasons) expect(out).toContain(reason)
  const picture = readFileSync(svg, 'utf8')
  expect(picture).toStartWith('<svg')
  expect(picture.trim()).toEndWith('</svg>')
  for (const text of [id, 'loan_amount', 'this application', 'reference']) {
    expect(picture).toContain(text)
  }
  // Numbers have one minus, that of the axis.
  expect(picture).toMatch(/>−\d/)
  expect(picture).not.toMatch(/>-\d/)
})

test('a record of a topic, by partition and offset', async () => {
  using cluster = new MockCluster()
  cluster.createTopic(TOPICS.applications, 1)
  send(cluster.bootstrapServers, inputs)
  const set = ['--set', `bootstrap.servers=${cluster.bootstrapServers}`, '--partition', '0']
  const { decision } = await explained([...set, '--offset', String(rejected)])
  expect(decision).toEqual(decisions[rejected]!)
  const { code, err } = await cli(['explain', ...set, '--offset', '60'])
  expect(code).toBe(2)
  expect(err).toContain('loan_applications [0] at 60: no record; the partition ends before')
})

test('a model without a reference set: the decision and the rules, and no picture', async () => {
  const args = ['-i', input, '--set', `model.path=${fromRoot('build/bench/model')}`]
  const { reference, features, score_reasons: reasons } = await explained(args)
  expect([reference, reasons]).toEqual([undefined, []])
  expect(features.every(({ contribution }) => contribution === undefined)).toBe(true)
  expect((await cli(['explain', ...args])).out).toContain('no reference set')
  const { code, err } = await cli(['explain', ...args, '--svg', join(folder, 'none.svg')])
  expect(code).toBe(2)
  expect(err).toContain('the model has no reference set')
})

test('what is asked for wrongly, or is not there, is refused', async () => {
  writeFileSync(join(folder, 'bad.jsonl'), '{"application_id":"a"}\n')
  const cases: [args: string[], message: string][] = [
    [[], 'give --partition and --offset'],
    [['--partition', '1', '--offset', '2', '--id', 'a'], '--id goes with --input'],
    [['-i', input, '--offset', '1'], 'cannot be used with'],
    [['-i', input, '--row', '61'], 'has 60 applications, and no row 61'],
    [['-i', input, '--id', 'nobody'], 'and no "nobody"'],
    [['-i', join(folder, 'bad.jsonl')], 'bad.jsonl:1: '],
    [['-i', input, '--svg', join(folder, 'none', 'x.svg')], 'cannot write'],
  ]
  for (const [args, message] of cases) {
    const { code, err } = await cli(['explain', ...args])
    expect({ args, code }).toEqual({ args, code: 2 })
    expect(err).toContain(message)
  }
})
