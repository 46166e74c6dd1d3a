// `dlq inspect`: all of a letter: where it comes from, its headers and bytes, its fields up to the
// fault, and what the worker would make of it now.

import { type SchemaHeader, schemaIdOf } from '../../avro/schema-id.ts'
import { bytesText, printable } from '../../dlq/bytes-text.ts'
import { type Attempt, attemptDecode } from '../../dlq/decode-attempt.ts'
import { hexDump } from '../../dlq/hex-dump.ts'
import { type Letter, identityOf, placeText } from '../../dlq/letter.ts'
import { rowOf } from '../../dlq/export.ts'
import { fetchOriginal } from '../../dlq/original.ts'
import { MODULE_PATH } from '../../paths.ts'
import { Decider, type Outcome } from '../../pipeline/decider.ts'
import { loadModule } from '../../scorer/module.ts'
import type { Context } from '../context.ts'
import type { InspectOptions } from '../dlq.ts'
import { Framings } from '../framings.ts'
import { openReader } from '../replay/open.ts'
import { openLetters, timeText } from './open.ts'

export async function inspectLetters(options: InspectOptions, context: Context): Promise<number> {
  using letters = openLetters(options, context)
  const { config } = letters
  using originals = openReader(config)
  const marks = letters.marks()
  const framings = new Framings(config)
  const writers = framings.writers()
  const decide = await deciding(framings, letters.topic)
  const bytesMax = config.settings['batch.bytes']
  let shown = 0
  for await (const letter of letters.select()) {
    if (shown++ === options.limit) {
      process.stderr.write(`more than ${options.limit} letters: --limit shows others\n`)
      break
    }
    const original = letter.droppedBytes === undefined ? letter : fetchOriginal(originals, letter)
    const value = 'value' in original ? original.value : null
    const header = framings.headerOf(letter.headers)
    const id = value?.length ? schemaIdOf(value, header) : undefined
    if (id !== undefined) await framings.schemas.learn([id])
    const attempt = value?.length ? attemptDecode(value, header, writers) : undefined
    const now = nowText(decide, value, header, bytesMax)
    const inspected = { letter, value, attempt, now, sent: marks.has(identityOf(letter)) }
    const gone = 'gone' in original ? original.gone : undefined
    if (options.json) printJson(inspected, gone, context)
    else context.output.print(`${[...linesOf(inspected, gone, options.bytes), ''].join('\n')}\n`)
    if (context.output.isEnded) break
  }
  if (shown === 0) process.stderr.write('no such letter\n')
  return shown === 0 ? 1 : 0
}

type Inspected = {
  letter: Letter
  /** Its own, or the one at the record's place where that was left out. */
  value: Uint8Array | null
  attempt: Attempt | undefined
  /** What the worker would make of it. */
  now: string
  sent: boolean
}

type Decide = (value: Uint8Array, header: SchemaHeader) => Outcome | undefined

/** Decides by what is known of schemas at the time. */
async function deciding(framings: Framings, topic: string): Promise<Decide> {
  const module = loadModule(MODULE_PATH)
  const source = await framings.programOf()
  let program = source()
  let decider = new Decider(module, program, topic, 0)
  return (value, header) => {
    if (source() !== program) {
      program = source()
      decider = new Decider(module, program, topic, 0)
    }
    return decider.decide([value], 0n, [header])[0]
  }
}

function nowText(
  decide: Decide,
  value: Uint8Array | null,
  header: SchemaHeader,
  bytesMax: number,
): string {
  if (value && value.length > bytesMax) return `too-large: batch.bytes is ${bytesMax}`
  const outcome = decide(value ?? new Uint8Array(0), header)
  if (!outcome || 'decision' in outcome) return 'it would be decided'
  return `${outcome.deadLetter.class}: ${outcome.deadLetter.message}`
}

function printJson(inspected: Inspected, gone: string | undefined, { output }: Context): void {
  const { letter, value, attempt, now, sent } = inspected
  const row = { ...rowOf({ ...letter, value }, sent), attempt: attempt ?? null, now }
  output.print(`${JSON.stringify({ ...row, value_gone: gone ?? null })}\n`)
}

function linesOf(
  { letter, value, attempt, now, sent }: Inspected,
  gone: string | undefined,
  bytesShown: number,
): string[] {
  const { at, origin, byte, droppedBytes, headers, key, message } = letter
  const place = byte === undefined ? '' : `, at byte ${byte}`
  const facts: [name: string, text: string][] = [
    ['letter', `${placeText(at)}, ${timeText(letter.timestampMs)}${sent ? ', sent again' : ''}`],
    ['record', origin ? printable(placeText(origin)) : 'unknown: no worker wrote this letter'],
    ['class', `${printable(letter.class)}${place}`],
    ['message', printable(message)],
    ['now', printable(now)],
    ['key', bytesText(key)],
    ...headers.map(([name, bytes]): [string, string] => [
      'header',
      `${printable(name)}: ${bytesText(bytes)}`,
    ]),
    ['value', valueText(value, droppedBytes, gone)],
  ]
  return [
    ...facts.map(([name, text]) => `${name.padEnd(8)} ${text}`),
    ...(value ? hexDump(value, byte, bytesShown).map((line) => `  ${line}`) : []),
    ...(attempt ? attemptLines(attempt, byte) : []),
  ]
}

function valueText(
  value: Uint8Array | null,
  droppedBytes: number | undefined,
  gone: string | undefined,
): string {
  if (gone !== undefined) return `${droppedBytes} bytes were left out, and cannot be had: ${gone}`
  if (droppedBytes !== undefined) return `${droppedBytes} bytes, read from the record's own place`
  return value === null ? 'none' : `${value.length} bytes`
}

function attemptLines({ schema, fields, fault }: Attempt, byte: number | undefined): string[] {
  const lines = fields.map(({ byte: at, field, value }, i) => {
    // Bounds are not the decoding's: what is impossible was read, and lies where the worker said.
    const next = fields[i + 1]?.byte ?? Number.POSITIVE_INFINITY
    const isMarked = fault === undefined && byte !== undefined && at <= byte && byte < next
    return `  byte ${String(at).padStart(5)}  ${field} = ${printable(value)}${isMarked ? '   <' : ''}`
  })
  const end = fault
    ? `  byte ${String(fault.byte).padStart(5)}  ${[fault.class, fault.field].join(' ').trim()}   <`
    : '  all fields can be read'
  return [`decoding ${printable(schema)}`, ...lines, end]
}
