// `demo`: the whole thing on embedded brokers in this process. Synthetic applications go in, the
// real workers decide them, and a reader shows what comes out. No network beyond loopback.

import { Command } from 'commander'
import { type Config, loadConfig } from '../config.ts'
import { Demo, type DemoSummary } from '../demo/demo.ts'
import { Display } from '../demo/display.ts'
import { usageError } from '../errors.ts'
import { makeLog } from '../log.ts'
import { MockCluster } from '../rdkafka/mock-cluster.ts'
import { describeProperties } from '../rdkafka/properties.ts'
import { libraryPath, openLibrary } from '../rdkafka/library.ts'
import { BUILD } from '../paths.ts'
import { startRuntime } from '../runtime.ts'
import type { Context } from './context.ts'
import { rate, share, wholeNumber } from './numbers.ts'
import { stopSignal } from './signals.ts'

type DemoOptions = {
  applications?: number
  rate: number
  partitions: number
  poison: number
  seed: number
  port: number
  json: boolean
}

/** One thread and one engine each; the limit is that of workers.prestart. */
const partitions = wholeNumber(1, 256)
const port = wholeNumber(0, 65_535)

export function demoCommand(run: (action: () => Promise<number>) => void, context: Context) {
  return new Command('demo')
    .description('show decisions on embedded brokers: nothing to install, until ctrl-C')
    .option('-n, --applications <number>', 'stop after so many decisions', wholeNumber(1))
    .option('--rate <number>', 'applications a second; 0: as fast as it goes', rate, 10_000)
    .option('--partitions <number>', 'partitions, and worker threads', partitions, 4)
    .option('--poison <share>', 'share of records to damage, for dead letters', share, 0)
    .option('--seed <number>', 'same seed, same applications', wholeNumber(), 1)
    .option('--port <number>', 'port of the HTTP server; 0: any free one', port, 0)
    .option('--json', 'print the summary as one JSON object, and nothing else', false)
    .addHelpText('after', EXAMPLES)
    .action((options: DemoOptions) => run(() => demo(options, context)))
}

const EXAMPLES = `
Examples:
  bun run demo
  bun run demo --applications 100000 --rate 0 --json
  bun run demo --poison 0.01`

async function demo(options: DemoOptions, context: Context): Promise<number> {
  const { output } = context
  if (options.applications !== undefined && options.poison === 1) {
    throw usageError('option', '--poison 1 leaves nothing to decide: --applications never comes')
  }
  const library = libraryPath(BUILD)
  const version = openLibrary(library)
  using cluster = new MockCluster()
  const config = demoConfig(cluster, options)
  const log = makeLog('warn', 'auto')
  const { promise: failed, resolve: fail } = Promise.withResolvers<Error>()
  createTopics(cluster, config, options.partitions)
  const runtime = await startRuntime(config, { library, version }, log, fail)
  const demo = new Demo(cluster, config, runtime.supervisor, options)
  const display = options.json ? undefined : new Display(demo, runtime, options, output)
  const signal = stopSignal(() => context.exit(1))
  display?.start()
  const cause = await Promise.race([demo.run(), signal, failed, output.ended])
  await demo.stop()
  display?.stop()
  const inTime = await runtime.stop()
  const summary = demo.summary()
  if (options.json) output.print(`${JSON.stringify(summary)}\n`)
  else output.print(`${summaryText(summary)}\n`)
  demo.close()
  if (cause instanceof Error) log.fatal(cause.message)
  return cause instanceof Error || !inTime ? 1 : 0
}

/**
 * The worker's configuration as in production, but for where the brokers are and how long a fetch
 * may wait. No file and no variable is read: they are made for the production's brokers. As for the
 * wait: an embedded broker that has nothing answers after that time, even when records come
 * meanwhile.
 */
function demoConfig(cluster: MockCluster, options: DemoOptions): Config {
  return loadConfig({
    file: false,
    environment: {},
    sets: [
      `bootstrap.servers=${cluster.bootstrapServers}`,
      'fetch.wait.max.ms=5',
      `http.port=${options.port}`,
      'http.intake=on',
      `workers.prestart=${options.partitions}`,
    ],
    properties: describeProperties(),
  })
}

function createTopics(cluster: MockCluster, { settings }: Config, partitions: number): void {
  cluster.createTopic(settings['topic.applications'], partitions)
  cluster.createTopic(settings['topic.decisions'], partitions)
  cluster.createTopic(settings['topic.dead.letters'], partitions)
}

function summaryText(summary: DemoSummary): string {
  const { applications, approved, rejected, referred, dead_letters, seconds } = summary
  const { p50, p99 } = summary.latency_ms
  const rate = Math.round(applications / Math.max(seconds, 0.001))
  return [
    `${applications} decisions in ${seconds.toFixed(1)} s (${rate}/s)`,
    `${approved} approved, ${rejected} rejected, ${referred} referred, ${dead_letters} dead letters`,
    `latency from application sent to decision committed: p50 ${p50} ms, p99 ${p99} ms`,
  ].join('\n')
}
