// What every `dlq` command starts with: the letters' topic, its reader, and what was selected.

import type { Config } from '../../config.ts'
import { usageError } from '../../errors.ts'
import type { AssignedReader } from '../../rdkafka/assigned-reader.ts'
import type { Letter } from '../../dlq/letter.ts'
import { readMarks } from '../../dlq/marks.ts'
import { type Selection, checkClasses, parseRanges, selectLetters } from '../../dlq/selection.ts'
import { type Window, partitionsOf, windowsOf } from '../../replay/window.ts'
import { type Context, configure, requireBroker } from '../context.ts'
import type { SelectOptions } from '../dlq.ts'
import { answered, boundOf, openReader } from '../replay/open.ts'

export type Letters = Disposable & {
  config: Config
  reader: AssignedReader
  topic: string
  windows: Window[]
  selection: Selection
  select(onProgress?: (offsets: number) => void): AsyncGenerator<Letter>
  /** Identities of letters that were sent already. */
  marks(): Set<string>
}

export function openLetters(options: SelectOptions, context: Context): Letters {
  checkClasses(options.class)
  const selection = {
    classes: options.class,
    partitions: options.partition,
    ranges: options.offset.flatMap(parseRanges),
  }
  const [from, until] = [boundOf(options.from, '--from'), boundOf(options.until, '--until')]
  const { config } = configure(options, context)
  requireBroker(config, ['consumer'])
  const topic = config.settings['topic.dead.letters']
  const reader = openReader(config)
  try {
    const windows = answered(config, () => {
      return windowsOf(reader, topic, partitionsOf(reader, topic, []), from, until)
    })
    return {
      config,
      reader,
      topic,
      windows,
      selection,
      select: (onProgress) => selectLetters(reader, topic, windows, selection, onProgress),
      marks: () => readMarks(reader, config.settings['topic.dead.letters.sent']),
      [Symbol.dispose]: () => reader[Symbol.dispose](),
    }
  } catch (error) {
    reader[Symbol.dispose]()
    throw error
  }
}

/** Whether anything chooses letters. */
export function isChosen(options: SelectOptions): boolean {
  const { class: classes, partition, offset, from, until } = options
  const lists = [classes, partition, offset]
  return lists.some(({ length }) => length > 0) || (from ?? until) !== undefined
}

export function timeText(timestampMs: number): string {
  return timestampMs < 0 ? '-' : new Date(timestampMs).toISOString()
}

/** @throws OperatingError kind 'usage' when a topic is not there */
export function partitionCount(reader: AssignedReader, topic: string): number {
  const metadata = reader.metadata(topic)
  if (metadata) return metadata.partitions
  throw usageError('topic', `topic ${topic} does not exist`)
}
