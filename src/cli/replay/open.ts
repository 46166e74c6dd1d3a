// What every kind of replay starts with: the window, its reader, and programs by the settings.

import type { Config } from '../../config.ts'
import { readerProperties } from '../../config/clients.ts'
import { OperatingError } from '../../errors.ts'
import { MODULE_PATH } from '../../paths.ts'
import { AssignedReader } from '../../rdkafka/assigned-reader.ts'
import {
  type Bound,
  type Window,
  parseBound,
  partitionsOf,
  windowsOf,
} from '../../replay/window.ts'
import type { KnownSchemas } from '../../replay/known-schemas.ts'
import type { BatchSize } from '../../replay/batch-decider.ts'
import { loadModule } from '../../scorer/module.ts'
import { type Context, configure, requireBroker } from '../context.ts'
import { Framings } from '../framings.ts'
import type { ReplayOptions } from '../replay.ts'

export type Opened = Disposable & {
  config: Config
  framings: Framings
  module: WebAssembly.Module
  size: BatchSize
  reader: AssignedReader
  topic: string
  windows: Window[]
  schemas: KnownSchemas
}

/** Loads the settings and finds the window; asks the brokers, and no group. */
export function openWindow(options: ReplayOptions, context: Context): Opened {
  const [from, to] = [boundOf(options.from, '--from'), boundOf(options.to, '--to')]
  const { config } = configure(options, context)
  requireBroker(config, ['consumer'])
  const { settings } = config
  const topic = settings['topic.applications']
  const reader = openReader(config)
  const size = {
    records: settings['batch.records'],
    inputBytes: settings['batch.bytes'],
    headers: settings['schema.registry.headers'],
  }
  try {
    const windows = answered(config, () => {
      const partitions = partitionsOf(reader, topic, options.partition)
      return windowsOf(reader, topic, partitions, from, to)
    })
    const framings = new Framings(config)
    const { schemas } = framings
    const opened = { config, framings, schemas, reader, topic, windows, size }
    const dispose = () => reader[Symbol.dispose]()
    return { ...opened, module: loadModule(MODULE_PATH), [Symbol.dispose]: dispose }
  } catch (error) {
    reader[Symbol.dispose]()
    throw error
  }
}

export function openReader(config: Config): AssignedReader {
  return new AssignedReader(readerProperties(config), config.settings['broker.timeout.ms'])
}

export function boundOf(text: string | undefined, option: string): Bound {
  return text === undefined ? { kind: 'whole' } : parseBound(text, option)
}

/** Runs calls to the brokers; @throws OperatingError that names them when they do not answer. */
export function answered<T>(config: Config, calls: () => T): T {
  try {
    return calls()
  } catch (error) {
    if (!(error instanceof OperatingError) || error.kind === 'usage') throw error
    const message = `no answer from ${config.consumer['bootstrap.servers']}: ${error.message}`
    throw new OperatingError('retriable', 'broker', message, error)
  }
}

/** The windows as they were found, for the summary. */
export function windowText(windows: readonly Window[]): string {
  return windows.map(({ partition, from, until }) => `${partition}:${from}-${until}`).join(', ')
}
