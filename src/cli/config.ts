// `config`: the configuration as a worker here would have it, and the JSON Schema of its file.

import { Command } from 'commander'
import { effectiveClients, effectiveSettings } from '../config/effective.ts'
import { configSchema } from '../config/json-schema.ts'
import { CONSUMER, PRODUCER, checkClient } from '../rdkafka/conf.ts'
import { consumerProperties, producerProperties } from '../config/clients.ts'
import { BUILD } from '../paths.ts'
import { libraryPath, openLibrary } from '../rdkafka/library.ts'
import { describeProperties } from '../rdkafka/properties.ts'
import { type ConfigOptions, type Context, configure, withConfigOptions } from './context.ts'
import { textTable } from './model/text-table.ts'

type ConfigCommandOptions = ConfigOptions & { json: boolean; schema: boolean }

export function configCommand(run: (action: () => Promise<number>) => void, context: Context) {
  const command = new Command('config')
    .description('show the effective configuration and where each value is from; check it')
    .option('--schema', "print a JSON Schema of the file, for editors' completion", false)
    .option('--json', 'print one JSON object', false)
  return withConfigOptions(command)
    .addHelpText('after', EXAMPLES)
    .action((options: ConfigCommandOptions) => run(async () => show(options, context)))
}

const EXAMPLES = `
Secrets are masked. A librdkafka property that is not listed has the library's default.

Examples:
  bun run config
  bun run config --config /etc/loanstream.toml --json | jq '.settings["http.port"]'
  bun run config --schema > loanstream.schema.json`

function show(options: ConfigCommandOptions, context: Context): number {
  const { output } = context
  if (options.schema) {
    openLibrary(libraryPath(BUILD))
    output.print(`${JSON.stringify(configSchema(describeProperties()), null, 1)}\n`)
    return 0
  }
  const { config } = configure(options, context)
  const settings = effectiveSettings(config)
  const clients = effectiveClients(config)
  if (options.json) {
    output.print(`${JSON.stringify({ settings, clients })}\n`)
  } else {
    const sections = Object.entries({ setting: settings, ...clients }).map(([title, values]) => {
      const rows = Object.entries(values).map(([name, { value, origin }]) => {
        return [name, String(value), origin]
      })
      const head = title === 'setting' ? title : `${title}'s property`
      return textTable([head, 'value', 'origin'], rows, new Set()).join('\n')
    })
    output.print(`${sections.join('\n\n')}\n`)
  }
  // What a worker's start would refuse is refused here too, once it can be seen.
  checkClient(CONSUMER, consumerProperties(config))
  checkClient(PRODUCER, producerProperties(config))
  return 0
}
