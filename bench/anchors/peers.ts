// `bun run peers FOLDER`: a C++ program that does the worker's job, with lleaves' score and with a
// constant in its place, and the worker, on one broker, in turns: CPU a decision of each, and ours
// over theirs. bench/README.md says what the folder must offer. Exit code 1 when an answer is wrong.

import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { Command } from 'commander'
import { median } from 'simple-statistics'
import { z } from 'zod'
import { avroType } from '../../src/applications/application.ts'
import { loadSchemaFile } from '../../src/avro/schema-files.ts'
import { wholeNumber } from '../../src/cli/numbers.ts'
import { OperatingError, messageOf, usageError } from '../../src/errors.ts'
import { BUILD, MODULE_PATH, fromRoot } from '../../src/paths.ts'
import { Decider } from '../../src/pipeline/decider.ts'
import { libraryPath } from '../../src/rdkafka/library.ts'
import { RecordReader } from '../../src/rdkafka/record-reader.ts'
import { loadModule } from '../../src/scorer/module.ts'
import { KafkaCluster } from '../../test/support/kafka.ts'
import { check } from '../bench.ts'
import { plainTable } from '../report.ts'
import {
  APPLICATIONS,
  NumberedApplications,
  checkDecisions,
  preload,
  startBroker,
  startWorker,
} from '../support/broker.ts'
import { atFullLoad, costOf, lookAt } from '../support/full-load.ts'
import { pythonEnvironment } from './environment.ts'

const FOLDER = fromRoot('build/anchors')
const COPY = join(FOLDER, 'peers')
const HEADER = fromRoot('node_modules/@confluentinc/kafka-javascript/deps/librdkafka/src/rdkafka.h')
const PARTITIONS = 2
const COMPARED_EVERY = 53
const SCORE_DIFFERENCE_MAX = 1e-9
const SCORES = { 'C++, lleaves': 'lleaves', 'C++, no score': 'const' } as const
/** What ours over theirs is meant to be at most. */
const DUE = { 'C++, lleaves': 0.52, 'C++, no score': 1.5 } as const
type Peer = keyof typeof SCORES
const PEERS = Object.keys(SCORES) as Peer[]

const outcome = z.object({ records: z.number(), cpu_us: z.number() })

const command = new Command('peers')
  .description('measure C++ programs that do the same job beside the worker')
  .argument('<folder>', 'with the programs')
  .option('--rounds <n>', 'rounds of all of them', wholeNumber(1, 100), 5)
  .option('--records <n>', 'applications a run', wholeNumber(1000, 10_000_000), 1_000_000)
  .parse()

try {
  await main(command.args[0]!, command.opts<{ rounds: number; records: number }>())
} catch (error) {
  process.stderr.write(`error: ${messageOf(error)}\n`)
  process.exit(error instanceof OperatingError && error.kind === 'usage' ? 2 : 1)
}
process.exit(0)

async function main(folder: string, { rounds, records }: { rounds: number; records: number }) {
  const unavailable = KafkaCluster.unavailable()
  if (unavailable) throw new Error(unavailable)
  const applications = new NumberedApplications()
  await build(resolve(folder), applications)
  await using cluster = await startBroker(PARTITIONS)
  preload(cluster, records, PARTITIONS)
  const ours: number[] = []
  const theirs: Record<Peer, number[]> = { 'C++, lleaves': [], 'C++, no score': [] }
  for (let round = 0; round < rounds; round++) {
    ours.push(await workerCost(cluster, `ours.${round}`, records))
    for (const peer of PEERS) {
      const topic = `${SCORES[peer]}.${round}`
      await cluster.createTopic(topic, { partitions: PARTITIONS })
      theirs[peer].push(await peerCost(cluster, SCORES[peer], topic, records))
      checkPeer(cluster, topic, records, applications, SCORES[peer] !== 'const')
    }
  }
  const cells = (values: readonly number[]) => values.map((value) => value.toFixed(2)).join(' ')
  const rows = PEERS.map((peer) => {
    const ratio = median(ours) / median(theirs[peer])
    const all = theirs[peer]
    return [peer, median(all).toFixed(2), ratio.toFixed(2), String(DUE[peer]), cells(all)]
  })
  const own = ['loanstream', median(ours).toFixed(2), '', '', cells(ours)]
  const head = ['', 'CPU, µs', 'ours over it', 'due', 'every run']
  process.stdout.write(`${plainTable(head, [own, ...rows])}\n`)
}

/** The folder's copy, its program built on our librdkafka, and the model as lleaves compiles it. */
async function build(folder: string, applications: NumberedApplications): Promise<void> {
  rmSync(COPY, { recursive: true, force: true })
  mkdirSync(join(COPY, 'rdk'), { recursive: true })
  try {
    cpSync(folder, join(COPY, 'all'), { recursive: true })
  } catch (error) {
    throw usageError('peers', `cannot copy ${folder}: ${messageOf(error)}`, error)
  }
  const schema = loadSchemaFile(join(COPY, 'all/loan_application.avsc'), COPY)
  if (schema.fingerprint !== applications.program.applicationSchema.fingerprint) {
    throw usageError('peers', `${folder}/loan_application.avsc is another schema than ours`)
  }
  cpSync(HEADER, join(COPY, 'rdk/rdkafka.h'))
  symlinkSync(libraryPath(BUILD), join(COPY, 'rdk/librdkafka.so.1'))
  const native = join(COPY, 'all/native')
  await run(['chmod', '-R', 'u+w', COPY])
  await run(['sh', join(native, 'build.sh')], { RDK: join(COPY, 'rdk') })
  const requirements = join(import.meta.dir, 'requirements.txt')
  const python = await pythonEnvironment(FOLDER, requirements)
  const model = fromRoot('bench/model/model.txt')
  await run([python, join(import.meta.dir, 'peers.py'), model, COPY])
}

async function workerCost(cluster: KafkaCluster, topic: string, count: number): Promise<number> {
  await cluster.createTopic(topic, { partitions: PARTITIONS })
  await using worker = startWorker(cluster, topic, { 'topic.decisions': topic })
  const looks = await atFullLoad(worker, count, () => lookAt([worker]))
  check((await worker.stop()) === 0, 'the worker stops in order')
  checkDecisions(cluster, count, PARTITIONS, { topic, every: COMPARED_EVERY })
  return costOf(looks).cpu
}

/** Of the whole process, start included, which ours leaves out: it has nothing to compile. */
async function peerCost(cluster: KafkaCluster, score: string, topic: string, count: number) {
  const settings = {
    MODE: 'eos',
    SCORE: score,
    DIR: COPY,
    BROKER: cluster.bootstrapServers,
    TOPIC: APPLICATIONS,
    OUT: topic,
    N: count,
    BATCH: 2000,
  }
  const args = Object.entries(settings).map(([name, value]) => `${name}=${value}`)
  const said = await run([join(COPY, 'all/native/native'), ...args])
  const { records, cpu_us } = outcome.parse(JSON.parse(said))
  check(records === count, `${score} decided ${records} of ${count}`)
  return cpu_us
}

/** Counts the program's decisions, and compares scores with ours. */
function checkPeer(
  cluster: KafkaCluster,
  topic: string,
  count: number,
  applications: NumberedApplications,
  hasScore: boolean,
): void {
  const { program } = applications
  const decider = new Decider(loadModule(MODULE_PATH), program, APPLICATIONS, 0)
  const our = avroType(program.decisionSchema.json)
  const path = join(COPY, 'all/loan_decision.avsc')
  const their = avroType(JSON.parse(readFileSync(path, 'utf8')))
  const bodyAt = program.decisionHeader.length
  const body = (bytes: Uint8Array) => Buffer.from(bytes.subarray(bodyAt))
  const properties = {
    'bootstrap.servers': cluster.bootstrapServers,
    'isolation.level': 'read_committed',
  }
  using reader = new RecordReader(properties, topic, [0, 1], 'earliest')
  const next = [0, 0]
  while (reader.ended.size < PARTITIONS) {
    for (const { partition, value } of reader.read(1000)) {
      const offset = next[partition]!++
      if (!hasScore || offset % COMPARED_EVERY > 0) continue
      const application = applications.value(offset * PARTITIONS + partition)
      const [due] = decider.decide([application], BigInt(offset))
      check('decision' in due!, 'the application is decided')
      const { margin } = our.fromBuffer(body((due as { decision: Uint8Array }).decision))
      const { raw_score: score } = their.fromBuffer(body(value!))
      const isSame = Math.abs(score - margin) <= SCORE_DIFFERENCE_MAX
      check(
        isSame,
        `${topic}: score ${score} at ${offset} of partition ${partition}, not ${margin}`,
      )
    }
  }
  const read = next[0]! + next[1]!
  check(read === count, `${topic}: ${read} decisions for ${count} applications`)
}

async function run(words: string[], environment: Record<string, string> = {}): Promise<string> {
  const child = Bun.spawn(words, {
    stdout: 'pipe',
    stderr: 'pipe',
    env: { ...process.env, ...environment },
    timeout: 120_000,
  })
  const [output, errors] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ])
  if ((await child.exited) === 0) return output
  throw new Error(`${words[0]} failed: ${errors.trim().split('\n').at(-1) ?? ''}`)
}
