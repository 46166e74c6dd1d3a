// What a command gets from main, which alone reads the environment and ends the process.

import { Command, Option } from 'commander'
import { type Config, loadConfig } from '../config.ts'
import { usageError } from '../errors.ts'
import { BUILD } from '../paths.ts'
import { checkLayout } from '../rdkafka/layout-check.ts'
import { libraryPath, openLibrary } from '../rdkafka/library.ts'
import { describeProperties } from '../rdkafka/properties.ts'
import type { Output } from './output.ts'

export type Context = {
  environment: Readonly<Record<string, string | undefined>>
  output: Output
  /** Ends the process at once, for a second signal. */
  exit(code: number): never
}

export type ConfigOptions = { config?: string; set: string[] }

/** Adds the options that every command with a configuration has. */
export function withConfigOptions(command: Command): Command {
  return command
    .option('-c, --config <file>', 'configuration file (default: loanstream.toml, if there)')
    .addOption(
      new Option('-s, --set <key=value>', 'set a setting, may be repeated')
        .default([], 'none')
        .argParser((pair: string, pairs: string[]) => [...pairs, pair]),
    )
}

/** Opens librdkafka and loads the configuration, whose keys it is checked against. */
export function configure(options: ConfigOptions, context: Context) {
  const library = libraryPath(BUILD)
  const version = openLibrary(library)
  checkLayout(library)
  const config: Config = loadConfig({
    file: options.config,
    environment: context.environment,
    sets: options.set,
    properties: describeProperties(),
  })
  return { config, library, version }
}

type Client = 'consumer' | 'producer'

/**
 * @param clients  those that the command makes
 * @throws OperatingError kind 'usage' when one has no broker: there is no default for it
 */
export function requireBroker(config: Config, clients: readonly Client[]): void {
  const missing = clients.filter((client) => !config[client]['bootstrap.servers'])
  if (missing.length === 0) return
  const given = config.consumer['bootstrap.servers'] ?? config.producer['bootstrap.servers']
  const whose = given === undefined ? '' : ` for the ${missing.join()}`
  throw usageError(
    'config',
    `bootstrap.servers is not set${whose}: give it in loanstream.toml, as LOANSTREAM_BOOTSTRAP_SERVERS, or with --set bootstrap.servers=HOST:PORT`,
  )
}
