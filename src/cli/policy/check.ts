// `policy check`: what a policy does, in which order, and what it says in vain.

import { type Finding, analysePolicy } from '../../policy/analysis.ts'
import { policyColumnsOf } from '../../scorer/program.ts'
import type { ConfigOptions, Context } from '../context.ts'
import { textTable } from '../model/text-table.ts'
import { type LoadedPolicy, identityOf, loadForTrial } from './load.ts'

export type CheckOptions = { json: boolean }

/** A reason as decisions list it; `fields` of several reasons of one code are put together. */
type Step = { outcome: 'reject' | 'refer'; code: string; fields: string[] }

export function checkPolicy(
  path: string | undefined,
  options: CheckOptions & ConfigOptions,
  context: Context,
): number {
  const loaded = loadForTrial(path, options, context)
  const { program, policy } = loaded
  const columns = policyColumnsOf(program.applicationSchema, program.columns)
  const findings = [...analysePolicy(policy, columns), ...unknownRanges(loaded)]
  const order = stepsOf(loaded)
  const ok = findings.length === 0
  if (options.json) {
    const report = { ok, policy: identityOf(loaded), order, findings }
    context.output.print(`${JSON.stringify(report)}\n`)
  } else {
    context.output.print(`${reportText(loaded, order, findings)}\n`)
  }
  return ok ? 0 : 1
}

/** Features that the policy wants to hold against ranges which the model does not state. */
function unknownRanges({ policy, artefact }: LoadedPolicy): Finding[] {
  const codes = policy.file.training
  const unknown = artefact.manifest.features.filter(({ training }) => !training)
  if (!codes || unknown.length === 0) return []
  const names = unknown.map(({ name }) => name).join(', ')
  const message = `the model ${artefact.manifest.name} states no training range of ${names}`
  const place = policy.placeOf(['training'])
  return [{ kind: 'no-training-range', code: codes.outside_code, place, message }]
}

function stepsOf({ policy, program }: LoadedPolicy): Step[] {
  const rejecting = policy.file.rules.filter(({ outcome }) => outcome === 'reject').length + 1
  const steps: Step[] = []
  for (const [i, { code, fields }] of program.reasons.entries()) {
    const outcome = i < rejecting ? 'reject' : 'refer'
    const last = steps.at(-1)
    if (last?.code === code && last.outcome === outcome) last.fields.push(...fields)
    else steps.push({ outcome, code, fields: [...fields] })
  }
  return steps
}

function reportText(loaded: LoadedPolicy, order: Step[], findings: Finding[]): string {
  const { path, name, hash } = identityOf(loaded)
  const header = ['', 'outcome', 'code', 'fields']
  const rows = order.map(({ outcome, code, fields }, i) => {
    const shown = fields.length > 3 ? `${fields.length} fields` : fields.join(', ')
    return [String(i + 1), outcome, code, shown]
  })
  const lines = findings.map(
    ({ kind, code, place, message }) => `${place} (${code}): ${kind}: ${message}`,
  )
  return [
    `${path}: ${name} (${hash})`,
    ...textTable(header, rows, new Set([''])),
    ...(lines.length > 0 ? ['', ...lines] : ['', 'nothing is said in vain']),
  ].join('\n')
}
