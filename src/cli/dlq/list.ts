// `dlq list`: a line a letter, and counts by class. Keys, values and headers are the applicants':
// none of them is shown.

import { printable } from '../../dlq/bytes-text.ts'
import { type Letter, identityOf, placeText } from '../../dlq/letter.ts'
import type { Context } from '../context.ts'
import type { ListOptions } from '../dlq.ts'
import { textTable } from '../model/text-table.ts'
import { openLetters, timeText } from './open.ts'

export async function listLetters(options: ListOptions, context: Context): Promise<number> {
  using letters = openLetters(options, context)
  const marks = letters.marks()
  const classes = new Map<string, number>()
  const shown: Shown[] = []
  let total = 0
  for await (const letter of letters.select()) {
    total++
    classes.set(letter.class, (classes.get(letter.class) ?? 0) + 1)
    if (shown.length < options.limit) shown.push(shownOf(letter, marks.has(identityOf(letter))))
  }
  const counts = [...classes].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1))
  const { topic } = letters
  if (options.json) {
    const summary = { topic, total, classes: Object.fromEntries(counts), letters: shown }
    context.output.print(`${JSON.stringify(summary)}\n`)
    return 0
  }
  const rows = counts.map(([name, count]) => [printable(name), String(count)])
  const lines = [
    ...(shown.length > 0 ? [...letterTable(shown), ''] : []),
    ...textTable(['class', 'letters'], [...rows, ['all', String(total)]], new Set(['letters'])),
  ]
  context.output.print(`${lines.join('\n')}\n`)
  return 0
}

function shownOf(letter: Letter, sent: boolean) {
  const { at, origin, byte, droppedBytes, value, timestampMs, message } = letter
  return {
    letter: placeText(at),
    time: timeText(timestampMs),
    class: letter.class,
    message,
    byte: byte ?? null,
    record: origin ? placeText(origin) : null,
    value_bytes: droppedBytes ?? value?.length ?? 0,
    value_dropped: droppedBytes !== undefined,
    sent,
  }
}

type Shown = ReturnType<typeof shownOf>

function letterTable(shown: readonly Shown[]): string[] {
  const header = ['letter', 'time', 'class', 'byte', 'record', 'bytes', 'sent']
  const rows = shown.map((letter) => [
    letter.letter,
    letter.time,
    printable(letter.class),
    String(letter.byte ?? '-'),
    printable(letter.record ?? '-'),
    `${letter.value_bytes}${letter.value_dropped ? ' dropped' : ''}`,
    letter.sent ? 'yes' : 'no',
  ])
  return textTable(header, rows, new Set(['byte', 'bytes']))
}
