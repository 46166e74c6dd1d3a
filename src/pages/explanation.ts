// One decision taken apart: what each feature adds to its margin, as a waterfall from the reference
// down to the decision; the reasons, and the policy's rules that were looked at.

import type { Explained, FeatureShare } from '../explain/explained.ts'
import type { DecisionView } from '../monitor/frame.ts'
import { ask } from './ask.ts'
import { element, makeCell, number, setText, showRows } from './dom.ts'
import { words } from './format.ts'

type Explanation = Explained & { decision: { margin: number } }

/** The decision that the dialog shows: an answer for another comes too late. */
let wanted = ''

/** Asks for a decision's explanation and shows it in the dialog. */
export async function showExplanation({ partition, offset }: DecisionView): Promise<void> {
  const parts = element('explanation')
  parts.hidden = true
  wanted = `${partition}/${offset}`
  if (offset < 0) {
    say('What each feature adds to the score is shown to who is signed in.')
    return
  }
  say('Making the decision again …')
  const asked = wanted
  const answer = await ask<Explanation>(`/decisions/${asked}`)
  if (asked !== wanted) return
  if ('error' in answer) {
    say(answer.error)
    return
  }
  say('')
  parts.hidden = false
  showHead(answer)
  showWaterfall(answer)
  showScoreReasons(answer)
  showRules(answer)
}

function say(text: string): void {
  setText('explanation-note', text)
}

function showHead({ decision, model, policy, reference }: Explanation): void {
  const [refer, reject] = [policy.refer_above, policy.reject_from].map((at) => at.toFixed(4))
  const cutoffs = `referred above ${refer}, rejected from ${reject}`
  setText('explanation-margin', `Log-odds of default ${decision.margin.toFixed(4)}; ${cutoffs}.`)
  const against = reference && `Against ${reference.margin.toFixed(4)}: ${reference.made_of}.`
  setText('explanation-reference', against ?? NO_REFERENCE)
  setText('explanation-model', `${model.name} ${model.hash}`)
  setText('explanation-policy', `${policy.name} ${policy.hash}`)
}

const NO_REFERENCE = 'The model has no reference set: nothing says which feature weighs how much.'

type Step = {
  name: string
  value: string
  reference: string
  change: string
  from: number
  to: number
  kind: 'total' | 'up' | 'down' | 'none'
}

function showWaterfall(explanation: Explanation): void {
  const steps = stepsOf(explanation)
  const { refer_above: refer, reject_from: reject } = explanation.policy
  const ends = steps.flatMap(({ from, to }) => [from, to])
  const [low, high] = [Math.min(...ends, refer, reject), Math.max(...ends, refer, reject)]
  const room = Math.max(0.05, (high - low) * 0.04)
  const place = (at: number) => (100 * (at - low + room)) / (high - low + 2 * room)
  const rows = steps.map((step) => {
    const row = document.createElement('tr')
    row.dataset['kind'] = step.kind
    row.append(
      makeCell({ text: step.name, head: true }),
      makeCell(number(step.value)),
      makeCell(number(step.reference)),
      makeCell(number(step.change)),
    )
    if (explanation.reference) row.append(barCell(step, [refer, reject], place))
    return row
  })
  element('waterfall').replaceChildren(...rows)
}

function barCell(step: Step, cutoffs: number[], place: (at: number) => number): HTMLElement {
  const cell = makeCell({ text: '', class: 'step' })
  const marks = cutoffs.map((at, i) => mark(i === 0 ? 'cutoff refer' : 'cutoff reject', place(at)))
  const [left, right] = [step.from, step.to].map(place).sort((a, b) => a - b) as [number, number]
  const bar = mark('span', left)
  bar.style.width = `max(2px, ${right - left}%)`
  cell.append(...marks, bar)
  return cell
}

function mark(name: string, left: number): HTMLElement {
  const made = document.createElement('span')
  made.className = name
  made.style.left = `${left}%`
  return made
}

/** From the reference's margin to the decision's, the greatest first. */
function stepsOf({ decision, reference, features }: Explanation): Step[] {
  let at = reference?.margin ?? 0
  const steps = features.map((share): Step => {
    const change = share.contribution ?? 0
    const from = at
    at += change
    return { ...textsOf(share), from, to: at, kind: kindOf(change) }
  })
  if (!reference) return steps
  const total = (name: string, margin: number): Step => {
    const texts = { name, value: '', reference: '', change: margin.toFixed(3) }
    return { ...texts, from: margin, to: margin, kind: 'total' }
  }
  return [total('reference', reference.margin), ...steps, total('decision', decision.margin)]
}

function kindOf(change: number): Step['kind'] {
  if (change === 0) return 'none'
  return change > 0 ? 'up' : 'down'
}

function textsOf({ feature, value, reference, contribution }: FeatureShare) {
  const change = contribution === undefined ? '' : signed(contribution)
  return { name: feature, value: shown(value), reference: shown(reference), change }
}

function shown(value: number | null | undefined): string {
  if (value === undefined) return ''
  return value === null ? 'missing' : Number(value.toPrecision(6)).toLocaleString('en-US')
}

function signed(value: number): string {
  return `${value < 0 ? '−' : '+'}${Math.abs(value).toFixed(3)}`
}

function showScoreReasons({ score_reasons: reasons }: Explanation): void {
  element('score-reasons').hidden = reasons.length === 0
  const told = (given: boolean, withheld: boolean) =>
    given ? 'stated' : withheld ? 'withheld: would not help' : '–'
  showRows(
    'score-reason-rows',
    reasons.map(({ statement, hmda, contribution, margin_without: without, given, withheld }) => ({
      state: given ? 'chosen' : undefined,
      cells: [
        { text: statement, head: true, class: 'wrap' },
        number(String(hmda)),
        number(signed(contribution)),
        number(without.toFixed(3)),
        { text: told(given, withheld) },
      ],
    })),
  )
}

function showRules({ rules }: Explanation): void {
  showRows(
    'rule-rows',
    rules.map(({ code, fields, fired }) => ({
      state: fired ? 'bad' : undefined,
      cells: [
        { text: words(code), head: true, class: 'wrap' },
        { text: fired ? 'yes' : 'no' },
        {
          text: Object.entries(fields)
            .map(([field, value]) => `${field} = ${shown(value)}`)
            .join(', '),
          class: 'wrap',
        },
      ],
    })),
  )
}
