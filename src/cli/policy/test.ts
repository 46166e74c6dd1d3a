// `policy test`: cases decided by the very path that decides applications, compared with what is
// expected. Reasons are those of the policy; nothing else is looked at.

import { usageError } from '../../errors.ts'
import { MODULE_PATH } from '../../paths.ts'
import { Decider } from '../../pipeline/decider.ts'
import { loadModule } from '../../scorer/module.ts'
import type { ConfigOptions, Context } from '../context.ts'
import { type PolicyCase, readCases } from './cases.ts'
import { identityOf, loadForTrial } from './load.ts'

export type TestOptions = { cases: string; json: boolean }

type Actual = { decision: string; reasons: string[]; margin: number | undefined }
type Failure = {
  line: number
  name: string | undefined
  expected: PolicyCase['expected']
  actual: Actual
}

export function testPolicy(
  path: string | undefined,
  options: TestOptions & ConfigOptions,
  context: Context,
): number {
  const loaded = loadForTrial(path, options, context)
  const { program } = loaded
  const codes = new Set(program.reasons.map(({ code }) => code))
  const cases = readCases(options.cases, program.applicationSchema, codes)
  if (cases.length === 0) throw usageError('cases', `${options.cases}: holds no cases`)
  const decider = new Decider(loadModule(MODULE_PATH), program, '', 0)
  const verdicts = decider.verdicts(
    cases.map(({ record }) => record),
    cases.map(({ margin }) => margin),
  )
  const given = new Set<string>()
  const failures = cases.flatMap(({ line, name, expected }, i): Failure[] => {
    const verdict = verdicts[i]!
    const actual: Actual =
      'deadLetter' in verdict
        ? { decision: `none (${verdict.deadLetter.message})`, reasons: [], margin: undefined }
        : { ...verdict, reasons: verdict.reasons.map((bit) => program.reasons[bit]!.code) }
    for (const code of actual.reasons) given.add(code)
    return isAsExpected(expected, actual) ? [] : [{ line, name, expected, actual }]
  })
  const untested = [...codes].filter((code) => !given.has(code))
  const passed = cases.length - failures.length
  if (options.json) {
    const counts = { cases: cases.length, passed, failed: failures.length }
    const report = { ok: failures.length === 0, policy: identityOf(loaded), ...counts }
    context.output.print(`${JSON.stringify({ ...report, failures, untested })}\n`)
  } else {
    const lines = failures.map((failure) => failureText(options.cases, failure))
    lines.push(`${cases.length} cases: ${passed} as expected, ${failures.length} not`)
    if (untested.length > 0) lines.push(`no case gives ${untested.join(', ')}`)
    context.output.print(`${lines.join('\n')}\n`)
  }
  return failures.length === 0 ? 0 : 1
}

function isAsExpected({ decision, reasons }: PolicyCase['expected'], actual: Actual): boolean {
  if (decision !== actual.decision) return false
  return reasons === undefined || reasons.join() === actual.reasons.join()
}

function failureText(path: string, { line, name, expected, actual }: Failure): string {
  const shown = (decision: string, reasons: string[] | undefined) =>
    reasons === undefined ? decision : `${decision} [${reasons.join(', ')}]`
  const title = name === undefined ? '' : ` (${name})`
  const due = shown(expected.decision, expected.reasons)
  const margin = actual.margin === undefined ? '' : `, margin ${actual.margin}`
  return `${path}:${line}${title}: ${due} is expected, is ${shown(actual.decision, actual.reasons)}${margin}`
}
