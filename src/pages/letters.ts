// A look inside dead letters: the latest few of a class, each with where it lay, what is wrong, its
// headers, its bytes, and its fields up to the fault. Everything in them is somebody else's: it is
// shown as text only.

import type { LetterView, Letters } from '../letters/view.ts'
import { ask } from './ask.ts'
import { element, setText } from './dom.ts'

let signedIn = false
let wanted = ''

export function setUpLetters(isSignedIn: boolean): void {
  signedIn = isSignedIn
}

/** Opens the dialog with the latest letters of a class. */
export async function showLatestLetters(name: string): Promise<void> {
  wanted = name
  setText('look-heading', `Dead letters: ${name}`)
  const list = element('look-list')
  list.replaceChildren()
  const dialog = element<HTMLDialogElement>('look')
  if (!dialog.open) dialog.showModal()
  if (!signedIn) {
    setText('look-note', 'They are shown to who is signed in.')
    return
  }
  setText('look-note', 'Reading the latest ones from their topic …')
  const answer = await ask<Letters>('/dead-letters')
  if (wanted !== name) return
  if ('error' in answer) {
    setText('look-note', answer.error)
    return
  }
  const { letters, looked, topic, partitions } = answer
  const own = letters.filter((letter) => letter.class === name)
  const [seen, all] = partitions
  const where = seen < all ? `${seen} of ${all} partitions` : `all ${all} partitions`
  const found = own.length > 0 ? `The latest ${own.length}` : 'None'
  setText('look-note', `${found} among the last ${looked} letters in ${where} of ${topic}.`)
  list.replaceChildren(...own.map((letter, i) => letterOf(letter, i === 0)))
}

function made(tag: string, text = '', name = ''): HTMLElement {
  const it = document.createElement(tag)
  if (text !== '') it.textContent = text
  if (name !== '') it.className = name
  return it
}

function letterOf(letter: LetterView, isOpen: boolean): HTMLElement {
  const details = document.createElement('details')
  details.open = isOpen
  const summary = made('summary')
  summary.append(made('span', letter.time.replace('T', ' ').replace('Z', '')), ' ')
  summary.append(made('span', letter.record ?? letter.letter, 'quiet'))
  details.append(summary, made('p', letter.message, 'problem'), factsOf(letter))
  if (letter.hex.length > 0) {
    const bytes = made('pre', letter.hex.join('\n'), 'hex')
    bytes.tabIndex = 0
    bytes.setAttribute('role', 'region')
    bytes.setAttribute('aria-label', `Bytes of ${letter.letter}`)
    details.append(made('h3', `Value, ${letter.bytes} bytes`), bytes)
  }
  if (letter.schema !== '') details.append(...fieldsOf(letter))
  return details
}

function factsOf({ letter, byte, key, headers, bytes, droppedBytes }: LetterView): HTMLElement {
  const list = made('dl')
  const facts: [string, string][] = [
    ['Letter', letter],
    ['Byte at fault', byte === null ? '–' : String(byte)],
    ['Key', key ?? 'none'],
    ...headers.map(([name, value]): [string, string] => [`Header ${name}`, value]),
  ]
  if (droppedBytes !== null) facts.push(['Value', `${droppedBytes} bytes, left out for their size`])
  else if (bytes === null) facts.push(['Value', 'none'])
  for (const [term, text] of facts) list.append(made('dt', term), made('dd', text))
  return list
}

function fieldsOf({ schema, fields, fault, byte: wrong }: LetterView): HTMLElement[] {
  const list = made('ol', '', 'fields-read')
  for (const [i, { byte, field, value }] of fields.entries()) {
    // A value outside its bounds can be read: it lies where the worker said.
    const next = fields[i + 1]?.byte ?? Number.POSITIVE_INFINITY
    const isWrong = fault === '' && wrong !== null && byte <= wrong && wrong < next
    const item = made('li', '', isWrong ? 'problem' : '')
    item.append(made('span', String(byte), 'quiet'), ' ', made('span', `${field} = ${value}`))
    list.append(item)
  }
  const end = fault === '' ? 'All fields can be read.' : `Then at ${fault}.`
  return [
    made('h3', `Read with ${schema}`),
    list,
    made('p', end, fault === '' ? 'note' : 'problem'),
  ]
}
