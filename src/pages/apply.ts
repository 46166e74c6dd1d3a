// The form of an application: fields as the schema has them, sent as JSON, the answer shown when it
// is there. Whether it is right is the worker's to say; what it says stands beside the field.

import { element, setText } from './dom.ts'
import { percent } from './format.ts'
import { setUpTheme } from './theme-button.ts'

type Field = {
  name: string
  label: string
  type: string
  doc: string
  unit: string
  nullable: boolean
  default?: unknown
  least?: number
  most?: number
  isAbove: boolean
  symbols: string[]
  example: string | number | boolean | null
}

type Decision = {
  status: 'decided' | 'pending'
  application_id: string
  decision: string
  score: number
  probability_of_default: number
  reasons: { text: string }[]
  model: string
  policy: string
  partition: number
  offset: number
}

type Problem = { detail: string; errors?: { pointer: string; detail: string; range?: string }[] }

/** Filled in by the worker. */
const OWN = new Set(['application_id', 'submitted_at'])
const ASKS_MAX = 60
const ASK_MS = 1000

let fields: Field[] = []
/** The same until the form changes, so that a second click is no second application. */
let key = crypto.randomUUID()

function makeField(field: Field): HTMLElement {
  const box = document.createElement('div')
  box.className = 'entry'
  const label = document.createElement('label')
  label.htmlFor = `field-${field.name}`
  const isOptional = field.nullable || field.default !== undefined
  const unit = field.unit === '' ? '' : ` (${field.unit})`
  label.textContent = `${field.label}${unit}${isOptional ? ', optional' : ''}`
  const hint = document.createElement('p')
  hint.id = `hint-${field.name}`
  hint.className = 'note'
  hint.textContent = [field.doc, `For example ${String(field.example ?? 'empty')}.`].join(' ')
  const problem = document.createElement('p')
  problem.id = `problem-${field.name}`
  problem.className = 'problem'
  box.append(label, makeInput(field, isOptional), hint, problem)
  return box
}

function makeInput(field: Field, isOptional: boolean): HTMLInputElement | HTMLSelectElement {
  const isChoice = field.symbols.length > 0 || field.type === 'boolean'
  const input = document.createElement(isChoice ? 'select' : 'input')
  input.id = `field-${field.name}`
  input.name = field.name
  input.required = !isOptional
  input.setAttribute('aria-describedby', `hint-${field.name} problem-${field.name}`)
  if (input instanceof HTMLSelectElement) {
    const choices = field.type === 'boolean' ? ['true', 'false'] : field.symbols
    for (const choice of ['', ...choices]) input.add(new Option(choice, choice))
    return input
  }
  input.autocomplete = 'off'
  // A number field would hide what was typed that is none.
  if (field.type !== 'string') input.inputMode = 'decimal'
  return input
}

function inputOf(name: string): HTMLInputElement {
  return element<HTMLInputElement>(`field-${name}`)
}

/** As JSON has it: what is empty is left out, what is no number goes as text and is refused. */
function valueOf({ name, type }: Field): unknown {
  const text = inputOf(name).value.trim()
  if (text === '') return undefined
  if (type === 'boolean') return text === 'true'
  if (type === 'string' || type === 'enum') return text
  const number = Number(text)
  return Number.isNaN(number) ? text : number
}

function clearProblems(): void {
  setText('problem', '')
  for (const { name } of fields) {
    setText(`problem-${name}`, '')
    inputOf(name).removeAttribute('aria-invalid')
  }
}

async function send(): Promise<void> {
  clearProblems()
  const button = element<HTMLButtonElement>('send')
  button.disabled = true
  setText('send', 'Sending…')
  try {
    const values = fields.map((field) => [field.name, valueOf(field)])
    const response = await fetch('/applications', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', 'Idempotency-Key': key },
      body: JSON.stringify(Object.fromEntries(values)),
    })
    if (!response.ok) showProblem((await response.json()) as Problem)
    else await showAnswer((await response.json()) as Decision)
  } catch {
    setText('problem', 'The worker does not answer. Nothing is lost: send it again.')
  } finally {
    button.disabled = false
    setText('send', 'Send')
  }
}

function showProblem({ detail, errors = [] }: Problem): void {
  setText('problem', errors.length > 0 ? `Not sent: ${detail}.` : `Not sent: ${detail}`)
  for (const { pointer, detail: what, range } of errors) {
    const name = pointer.slice(2)
    setText(`problem-${name}`, range ? `${what} (possible: ${range})` : what)
    inputOf(name).setAttribute('aria-invalid', 'true')
  }
  const [first] = errors
  if (first) inputOf(first.pointer.slice(2)).focus()
}

async function showAnswer(first: Decision): Promise<void> {
  let decision = first
  element('answer').hidden = false
  for (let asks = 0; decision.status === 'pending' && asks < ASKS_MAX; asks++) {
    setText('decision', 'Waiting for the decision…')
    await new Promise((resolve) => setTimeout(resolve, ASK_MS))
    const response = await fetch(`/applications/${decision.application_id}`)
    if (response.ok) decision = (await response.json()) as Decision
  }
  if (decision.status === 'pending') {
    setText('decision', 'Not decided yet')
    return
  }
  const target = element('decision')
  target.textContent = decision.decision
  target.dataset['outcome'] = decision.decision
  const why = decision.reasons.map(({ text }) => {
    const item = document.createElement('li')
    item.textContent = text
    return item
  })
  element('why').replaceChildren(...why)
  const facts: [string, string][] = [
    ['Application', decision.application_id],
    ['Score', String(decision.score)],
    ['Probability of default', percent(decision.probability_of_default, 2)],
    ['Model', decision.model],
    ['Policy', decision.policy],
    ['Input', `partition ${decision.partition}, offset ${decision.offset}`],
  ]
  element('facts').replaceChildren(
    ...facts.flatMap(([term, text]) => {
      const [dt, dd] = [document.createElement('dt'), document.createElement('dd')]
      dt.textContent = term
      dd.textContent = text
      return [dt, dd]
    }),
  )
  element('answer').focus()
}

async function start(): Promise<void> {
  setUpTheme(() => undefined)
  const all = (await (await fetch('/apply/fields')).json()) as Field[]
  fields = all.filter(({ name }) => !OWN.has(name))
  element('fields').replaceChildren(...fields.map(makeField))
  const form = element<HTMLFormElement>('application')
  form.addEventListener('input', () => (key = crypto.randomUUID()))
  form.addEventListener('submit', (event) => {
    event.preventDefault()
    void send()
  })
  element('example').addEventListener('click', () => {
    for (const { name, example } of fields) inputOf(name).value = String(example ?? '')
    key = crypto.randomUUID()
    clearProblems()
  })
}

void start()
