// The last decisions, newest first, filtered by outcome and region, each with its details.

import type { DecisionView } from '../monitor/frame.ts'
import { OUTCOMES } from './charts.ts'
import { element, makeCell, number } from './dom.ts'
import { showExplanation } from './explanation.ts'
import { percent, time, words } from './format.ts'

const KEPT_MAX = 300
const SHOWN_MAX = 60

export class DecisionList {
  private readonly body = element<HTMLTableSectionElement>('latest')
  private readonly regionSelect = element<HTMLSelectElement>('region')
  private decisions: DecisionView[] = []
  /** What came during a pause, newest first. */
  private held: DecisionView[] = []
  outcomes: ReadonlySet<string> = new Set(OUTCOMES)
  region = ''

  reset(decisions: DecisionView[]): void {
    this.decisions = decisions
    this.held = []
    this.filter()
  }

  /** Puts new ones on top. */
  add(fresh: readonly DecisionView[]): void {
    this.decisions = [...fresh, ...this.decisions].slice(0, KEPT_MAX)
    const shown = fresh.filter((decision) => this.isShown(decision))
    this.body.prepend(...shown.map((decision) => this.row(decision)))
    while (this.body.rows.length > SHOWN_MAX) this.body.deleteRow(-1)
  }

  hold(fresh: readonly DecisionView[]): void {
    this.held = [...fresh, ...this.held].slice(0, KEPT_MAX)
  }

  release(): void {
    this.add(this.held)
    this.held = []
  }

  /** Shows those that the form's filters let through. */
  filter(): void {
    const boxes = document.querySelectorAll<HTMLInputElement>('input[name="outcome"]:checked')
    this.outcomes = new Set([...boxes].map(({ value }) => value))
    this.region = this.regionSelect.value
    const shown = this.decisions.filter((decision) => this.isShown(decision)).slice(0, SHOWN_MAX)
    this.body.replaceChildren(...shown.map((decision) => this.row(decision)))
  }

  offerRegions(regions: readonly string[]): void {
    const known = new Set([...this.regionSelect.options].map(({ value }) => value))
    for (const region of regions) {
      if (!known.has(region)) this.regionSelect.add(new Option(region, region))
    }
  }

  private isShown({ decision, region }: DecisionView): boolean {
    return this.outcomes.has(decision) && (this.region === '' || region === this.region)
  }

  private row(decision: DecisionView): HTMLTableRowElement {
    const row = document.createElement('tr')
    const id = document.createElement('th')
    id.scope = 'row'
    const open = document.createElement('button')
    open.type = 'button'
    open.textContent = decision.id.length > 13 ? `${decision.id.slice(0, 8)}…` : decision.id
    open.setAttribute('aria-label', `Details of ${decision.id}`)
    open.addEventListener('click', () => showDetails(decision))
    id.append(open)
    row.append(
      makeCell({ text: time(decision.atMs) }),
      id,
      makeCell({ text: decision.decision, outcome: decision.decision }),
      makeCell(number(String(decision.score))),
      makeCell(number(percent(decision.probability))),
      makeCell({ text: decision.region ?? '–' }),
      makeCell({ text: decision.reasons.map(({ code }) => words(code)).join(', ') }),
    )
    return row
  }
}

function showDetails(decision: DecisionView): void {
  const { reasons, partition, offset } = decision
  const why = reasons.map(({ code, fields }) =>
    fields.length > 0 ? `${words(code)} (${fields.join(', ')})` : words(code),
  )
  const entries: [string, string][] = [
    ['Application', decision.id],
    ['Decision', decision.decision],
    ['Reasons', why.length > 0 ? why.join('; ') : 'none: it was approved'],
    ['Score', String(decision.score)],
    ['Probability of default', percent(decision.probability, 2)],
    ['Region', decision.region ?? 'not known'],
    ['Input', `partition ${partition}${offset >= 0 ? `, offset ${offset}` : ''}`],
    ['Model', decision.model],
    ['Decided at', new Date(decision.atMs).toISOString()],
  ]
  element('details-list').replaceChildren(
    ...entries.flatMap(([term, text]) => {
      const [dt, dd] = [document.createElement('dt'), document.createElement('dd')]
      dt.textContent = term
      dd.textContent = text
      return [dt, dd]
    }),
  )
  void showExplanation(decision)
  element<HTMLDialogElement>('details').showModal()
}
