// `policy diff`: two policies over the same applications and the same model: who would change side,
// and by which rule.

import { ApplicationEncoder } from '../../applications/application.ts'
import { openApplications } from '../../applications/open.ts'
import { isBad } from '../../applications/source.ts'
import { DECISIONS } from '../../avro/encode-plan.ts'
import { usageError } from '../../errors.ts'
import { MODULE_PATH } from '../../paths.ts'
import { Decider, type Verdict } from '../../pipeline/decider.ts'
import type { Decision, Reason } from '../../records.ts'
import { loadModule } from '../../scorer/module.ts'
import type { ConfigOptions, Context } from '../context.ts'
import { textTable } from '../model/text-table.ts'
import { startProgress } from '../progress.ts'
import { type LoadedPolicy, identityOf, loadForTrial } from './load.ts'

export type DiffOptions = { input: string; examples: number; json: boolean }

const CHUNK_RECORDS = 4096

/** Applications for which a code is given by A, by B, and by one alone that decides otherwise. */
type RuleCounts = { a: number; b: number; lost: number; gained: number }

class Tally {
  rows = 0
  /** Rows that make no decision. */
  undecided = 0
  changed = 0
  readonly swaps: Record<Decision, Record<Decision, number>>
  readonly rules = new Map<string, RuleCounts>()
  readonly examples: { application_id: string; a: Decision; b: Decision }[] = []
  private readonly examplesMax: number

  constructor(examplesMax: number) {
    this.examplesMax = examplesMax
    const none = () => Object.fromEntries(DECISIONS.map((name) => [name, 0]))
    const swaps = Object.fromEntries(DECISIONS.map((name) => [name, none()]))
    this.swaps = swaps as Record<Decision, Record<Decision, number>>
  }

  add(id: string, a: Given, b: Given): void {
    const isChange = a.decision !== b.decision
    const before = this.swaps[a.decision][b.decision]++
    for (const code of a.codes) this.of(code).a++
    for (const code of b.codes) this.of(code).b++
    if (!isChange) return
    this.changed++
    for (const code of a.codes.difference(b.codes)) this.of(code).lost++
    for (const code of b.codes.difference(a.codes)) this.of(code).gained++
    if (before >= this.examplesMax) return
    this.examples.push({ application_id: id, a: a.decision, b: b.decision })
  }

  private of(code: string): RuleCounts {
    const counts = this.rules.get(code) ?? { a: 0, b: 0, lost: 0, gained: 0 }
    this.rules.set(code, counts)
    return counts
  }
}

type Given = { decision: Decision; codes: Set<string> }

export async function diffPolicies(
  pathA: string,
  pathB: string,
  options: DiffOptions & ConfigOptions,
  context: Context,
): Promise<number> {
  const [a, b] = [pathA, pathB].map((path) => loadForTrial(path, options, context))
  const tally = await compare(a!, b!, options)
  if (tally.rows === 0) throw usageError('row', `${options.input}: holds no applications`)
  if (options.json) {
    const { rows, undecided, changed, swaps, rules, examples } = tally
    const report = {
      a: identityOf(a!),
      b: identityOf(b!),
      model: { name: a!.program.modelName, hash: a!.artefact.manifest.model },
      rows,
      undecided,
      changed,
      swaps,
      rules: [...rules].map(([code, counts]) => ({ code, ...counts })),
      ...(options.examples > 0 ? { examples } : {}),
    }
    context.output.print(`${JSON.stringify(report)}\n`)
  } else {
    context.output.print(`${reportText(a!, b!, tally)}\n`)
  }
  return 0
}

async function compare(a: LoadedPolicy, b: LoadedPolicy, options: DiffOptions): Promise<Tally> {
  const schema = a.program.applicationSchema
  const encoder = new ApplicationEncoder(schema)
  const module = loadModule(MODULE_PATH)
  const deciders = [a, b].map(({ program }) => new Decider(module, program, '', 0))
  const tally = new Tally(options.examples)
  let chunk: { id: string; bytes: Uint8Array }[] = []
  const flush = () => {
    const records = chunk.map(({ bytes }) => bytes)
    const [ofA, ofB] = deciders.map((decider) => decider.verdicts(records))
    for (const [i, { id }] of chunk.entries()) {
      const [x, y] = [ofA![i]!, ofB![i]!]
      if ('deadLetter' in x || 'deadLetter' in y) tally.undecided++
      else tally.add(id, given(x, a.program.reasons), given(y, b.program.reasons))
    }
    chunk = []
  }
  const progress = startProgress('decided', 0)
  try {
    for await (const row of openApplications(options.input, { schema })) {
      tally.rows++
      if (isBad(row)) tally.undecided++
      else {
        const id = String(row.application['application_id'])
        chunk.push({ id, bytes: encoder.encode(row.application) })
      }
      if (chunk.length === CHUNK_RECORDS) {
        flush()
        progress.update(tally.rows)
      }
    }
    flush()
  } finally {
    progress.stop()
  }
  return tally
}

function given({ decision, reasons }: Verdict, meanings: readonly Reason[]): Given {
  return { decision, codes: new Set(reasons.map((bit) => meanings[bit]!.code)) }
}

function reportText(a: LoadedPolicy, b: LoadedPolicy, tally: Tally): string {
  const name = (letter: string, loaded: LoadedPolicy) => {
    const { path, name: title, hash } = identityOf(loaded)
    return `${letter} ${path}: ${title} (${hash})`
  }
  const swaps = textTable(
    ['A, and under B', ...DECISIONS],
    DECISIONS.map((from) => [from, ...DECISIONS.map((to) => String(tally.swaps[from][to]))]),
    new Set(DECISIONS),
  )
  const columns = ['A', 'B', 'lost', 'gained']
  const rules = textTable(
    ['reason', ...columns],
    [...tally.rules].map(([code, counts]) => [
      code,
      ...[counts.a, counts.b, counts.lost, counts.gained].map(String),
    ]),
    new Set(columns),
  )
  const examples = tally.examples.map((one) => `${one.application_id}: ${one.a}, under B ${one.b}`)
  return [
    name('A', a),
    name('B', b),
    `${tally.rows} applications, ${tally.changed} change side, ${tally.undecided} make no decision`,
    '',
    ...swaps,
    '',
    ...rules,
    'lost and gained: given by A or B alone, among those that change side',
    ...(examples.length > 0 ? ['', ...examples] : []),
  ].join('\n')
}
