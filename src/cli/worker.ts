// `worker`: production. Serves applications from Kafka until a signal stops it.

import { Command } from 'commander'
import { makeLog } from '../log.ts'
import { startRuntime } from '../runtime.ts'
import {
  type ConfigOptions,
  type Context,
  configure,
  requireBroker,
  withConfigOptions,
} from './context.ts'
import { stopSignal } from './signals.ts'

export function workerCommand(run: (action: () => Promise<number>) => void, context: Context) {
  const command = new Command('worker').description(
    'decide applications from Kafka, exactly once, until SIGTERM or SIGINT',
  )
  return withConfigOptions(command)
    .addHelpText('after', EXAMPLES)
    .action((options: ConfigOptions) => run(() => work(options, context)))
}

const EXAMPLES = `
Examples:
  bun run worker --set bootstrap.servers=broker1:9092,broker2:9092
  LOANSTREAM_BOOTSTRAP_SERVERS=broker1:9092 bun run worker
  bun run worker --config /etc/loanstream.toml`

/** Read by the engine at its start, so that setting it here would come too late. */
const FAST_MEMORIES = 'BUN_JSC_maxNumWasmFastMemories'
const FAST_MEMORIES_UNSET =
  `${FAST_MEMORIES} is not set: beyond a few partitions and changes of model, ` +
  `scoring pays for bounds checks; start with ${FAST_MEMORIES}=256`

async function work(options: ConfigOptions, context: Context): Promise<number> {
  const { config, library, version } = configure(options, context)
  requireBroker(config, ['consumer', 'producer'])
  const log = makeLog(config.settings['log.level'], config.settings['log.format'])
  const { promise: failed, resolve: fail } = Promise.withResolvers<Error>()
  const runtime = await startRuntime(config, { library, version }, log, fail)
  log.info({ url: runtime.url, librdkafka: version }, 'listening')
  if (context.environment[FAST_MEMORIES] === undefined) log.info(FAST_MEMORIES_UNSET)
  const signal = stopSignal(() => {
    log.warn('second signal: exit at once')
    context.exit(1)
  })
  process.on('SIGHUP', () => {
    log.info('SIGHUP: schemas, model, policy and challenger are loaded again')
    // What was wrong is logged and counted.
    runtime.models.reloadSchemas().catch(() => undefined)
    void runtime.models.reload()
  })
  const cause = await Promise.race([signal, failed])
  if (cause instanceof Error) {
    log.fatal(cause.message)
    // What the other partitions decided is committed, and the group need not wait for a time-out.
    await runtime.stop()
    return 1
  }
  log.info({ signal: cause }, 'stopping')
  const inTime = await runtime.stop()
  if (!inTime) {
    log.error(`not stopped within ${config.settings['shutdown.timeout.ms']} ms`)
    return 1
  }
  log.info('stopped')
  return 0
}
