// A real Apache Kafka for tests, benches and drills: KRaft mode, one node or three, on loopback,
// from the jars that `bun src/setup/main.ts --broker` brings. Nothing is left over, whatever
// becomes of the process that started it: a watchdog ends the brokers and removes their data.
//
//   await using cluster = await KafkaCluster.start()
//   await cluster.createTopic('applications', { partitions: 4 })

import { cpSync, mkdtempSync, readFileSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import { Admin } from '../../src/rdkafka/admin.ts'
import type { Outcome } from '../../src/setup/command.ts'
import { type KafkaFacts, type KafkaInstallation, kafkaFactsPath } from '../../src/setup/kafka.ts'
import { Archive } from './kafka-archive.ts'
import { type JavaRuntime, KafkaNode, runJava } from './kafka-node.ts'
import { freePorts } from './kafka-ports.ts'
import { type Properties, clusterProperties, nodeProperties } from './kafka-properties.ts'
import { Watchdog } from './kafka-watchdog.ts'
import { askBroker } from './kafka-wire.ts'

const BUILD = resolve(import.meta.dir, '../../build')
/** Any 16 bytes in base64 will do. */
const CLUSTER_ID = 'bG9hbnN0cmVhbS10ZXN0cw'
const START_MS_MAX = 120_000
const TOOL_MS_MAX = 60_000
const ADMIN_MS_MAX = 15_000
const STOP_MS_MAX = 60_000

/** Of a node: where clients connect, and where controllers do. */
type NodePorts = { id: number; port: number; controllerPort: number }

export type ClusterOptions = {
  nodes?: 1 | 3
  /** Broker settings by Kafka's names, over ours; as a function where they differ by node. */
  properties?: Properties | ((node: NodePorts) => Properties)
  /** More arguments of `kafka-storage format`, such as --add-scram and what follows it. */
  format?: readonly string[]
  /** More flags of the brokers' Java, such as -Dname=value. */
  flags?: readonly string[]
  heapMb?: number
  /**
   * 'quick' compiles little: it starts faster and is slower under load, good for tests.
   * 'full' is Java as it runs in production, for benches.
   */
  compiler?: 'quick' | 'full'
  /** Partitions of a topic that does not say. */
  partitions?: number
  startTimeoutMs?: number
}

export type TopicOptions = {
  partitions?: number
  replicationFactor?: number
  /** Topic settings by Kafka's names. */
  config?: Properties
}

export class KafkaCluster implements AsyncDisposable {
  readonly bootstrapServers: string
  private readonly folder: string
  private readonly runtime: JavaRuntime
  private readonly nodes: readonly KafkaNode[]
  private readonly watchdog: Watchdog
  private readonly archive: Archive
  private readonly options: ClusterOptions
  private stopping: Promise<void> | undefined
  private keptFolder = ''

  /** Why there is no Kafka here, in one sentence; undefined when there is. */
  static unavailable(): string | undefined {
    const facts = readFacts()
    return 'unavailable' in facts ? facts.unavailable : undefined
  }

  /**
   * Starts a cluster and waits until each node answers and knows all others.
   *
   * @throws Error with the end of a broker's log when that does not come about in time
   */
  static async start(options: ClusterOptions = {}): Promise<KafkaCluster> {
    const installation = readFacts()
    if ('unavailable' in installation) throw new Error(installation.unavailable)
    const cluster = new KafkaCluster(installation, options)
    try {
      await cluster.startNodes()
      return cluster
    } catch (error) {
      await cluster.stop()
      throw error
    }
  }

  private constructor(installation: KafkaInstallation, options: ClusterOptions) {
    this.options = options
    this.folder = mkdtempSync(join(tmpdir(), 'loanstream-kafka-'))
    this.watchdog = new Watchdog(this.folder)
    this.archive = new Archive(installation, this.folder)
    this.runtime = runtimeOf(installation, options.compiler ?? 'quick', this.archive)
    this.nodes = makeNodes(this.runtime, this.folder, this.archive, options)
    const addresses = this.nodes.map(({ settings }) => `127.0.0.1:${settings.port}`)
    this.bootstrapServers = addresses.join()
  }

  private async startNodes(): Promise<void> {
    const until = performance.now() + (this.options.startTimeoutMs ?? START_MS_MAX)
    const format = this.options.format ?? []
    await Promise.all(this.nodes.map((node) => node.format(CLUSTER_ID, format)))
    for (const node of this.nodes) this.startNode(node)
    const count = this.nodes.length
    await Promise.all(
      this.nodes.map((node) => node.waitUntil(({ brokers }) => brokers.length === count, until)),
    )
  }

  private startNode(node: KafkaNode): void {
    node.start(() => this.watchdog.watch(this.pids))
    this.watchdog.watch(this.pids)
  }

  /** Of the nodes that run, in their order. */
  get pids(): number[] {
    return this.nodes.flatMap(({ pid }) => pid ?? [])
  }

  /** Processor time of the nodes that run, user and system. Linux only. */
  cpuSeconds(): number {
    return this.nodes.reduce((sum, node) => sum + node.cpuSeconds(), 0)
  }

  /** Ends a node at once, as a crash would; nodes are numbered from 1. */
  async kill(id: number): Promise<void> {
    await this.node(id).end()
  }

  /** Stops a node's clock: it keeps its connections and answers nothing. */
  pause(id: number): void {
    this.node(id).signal('SIGSTOP')
  }

  resume(id: number): void {
    this.node(id).signal('SIGCONT')
  }

  /** Starts a node again on the data it had, after ending it in good order if it still runs. */
  async restart(id: number): Promise<void> {
    const node = this.node(id)
    await node.end(STOP_MS_MAX)
    const until = performance.now() + (this.options.startTimeoutMs ?? START_MS_MAX)
    this.startNode(node)
    await node.waitUntil(({ brokers }) => brokers.includes(id), until)
  }

  /** Has the nodes' data and logs copied at the end. */
  keep(folder: string): void {
    this.keptFolder = folder
  }

  /** Ends all nodes and removes their data; again is a no-op. */
  stop(): Promise<void> {
    this.stopping ??= this.end()
    return this.stopping
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }

  private async end(): Promise<void> {
    const [first, ...others] = this.nodes
    await Promise.all(others.map((node) => node.end()))
    // Java writes the archive when it ends in good order; without one to write there is no need to.
    await first?.end(this.archive.isDue && others.length === 0 ? STOP_MS_MAX : 0)
    this.archive.keep()
    if (this.keptFolder !== '') cpSync(this.folder, this.keptFolder, { recursive: true })
    await this.watchdog.end()
  }

  /** Makes a topic, with a replica on every node unless told otherwise, and waits for its leaders. */
  async createTopic(topic: string, options: TopicOptions = {}): Promise<void> {
    openLibrary(libraryPath(BUILD))
    using admin = new Admin({ 'bootstrap.servers': this.bootstrapServers }, ADMIN_MS_MAX)
    const partitions = options.partitions ?? this.options.partitions ?? 1
    const replicationFactor = options.replicationFactor ?? this.nodes.length
    const config = options.config ?? {}
    if (!admin.createTopic({ topic, partitions, replicationFactor, config })) {
      throw new Error(`topic ${topic} is there already`)
    }
    const until = performance.now() + ADMIN_MS_MAX
    const running = this.nodes.filter(({ pid }) => pid !== undefined)
    await Promise.all(
      running.map((node) =>
        node.waitUntil(({ leaders }) => {
          const found = leaders.get(topic) ?? []
          return found.length === partitions && found.every((leader) => leader >= 0)
        }, until),
      ),
    )
  }

  /** Id of the node that leads a partition, -1 while there is none, as the node `asked` sees it. */
  async leader(topic: string, partition: number, asked = 1): Promise<number> {
    const { leaders } = await askBroker(this.node(asked).settings.port, ADMIN_MS_MAX)
    return leaders.get(topic)?.[partition] ?? -1
  }

  /**
   * Runs one of Kafka's own tools.
   *
   * @param mainClass  such as org.apache.kafka.tools.GetOffsetShell
   * @param args       `{bootstrap}` in them stands for the addresses of the brokers
   */
  tool(
    mainClass: string,
    args: readonly string[],
    { timeoutMs = TOOL_MS_MAX }: { timeoutMs?: number } = {},
  ): Promise<Outcome> {
    const own = args.map((arg) => arg.replaceAll('{bootstrap}', this.bootstrapServers))
    return runJava(this.runtime, [mainClass, ...own], this.folder, timeoutMs)
  }

  private node(id: number): KafkaNode {
    const node = this.nodes[id - 1]
    if (!node) throw new RangeError(`node ${id} of ${this.nodes.length}`)
    return node
  }
}

function readFacts(): KafkaFacts {
  try {
    return JSON.parse(readFileSync(kafkaFactsPath(BUILD), 'utf8')) as KafkaFacts
  } catch {
    const how = '"bun src/setup/main.ts --broker" was not run'
    return { unavailable: `tests on a real Kafka are skipped: ${how}` }
  }
}

function runtimeOf(
  { java, jarFolder }: KafkaInstallation,
  compiler: 'quick' | 'full',
  archive: Archive,
): JavaRuntime {
  // In one order, as an archive is good for one class path only.
  const jars = readdirSync(jarFolder).sort()
  const flags = [...archive.readFlags, ...(compiler === 'quick' ? ['-XX:TieredStopAtLevel=1'] : [])]
  return { java, classpath: jars.map((name) => join(jarFolder, name)).join(':'), flags }
}

function makeNodes(
  runtime: JavaRuntime,
  folder: string,
  archive: Archive,
  options: ClusterOptions,
): KafkaNode[] {
  const count = options.nodes ?? 1
  const ids = Array.from({ length: count }, (_, i) => i + 1)
  const ports = freePorts(2 * count)
  const controllers = ids.map((id) => `${id}@127.0.0.1:${ports[count + id - 1]!}`).join()
  return ids.map((id) => {
    const port = ports[id - 1]!
    const controllerPort = ports[count + id - 1]!
    const nodeFolder = join(folder, `node-${id}`)
    const { properties: given = {} } = options
    const properties = {
      ...clusterProperties(count),
      ...nodeProperties(id, port, controllerPort, nodeFolder),
      'controller.quorum.voters': controllers,
      ...(typeof given === 'function' ? given({ id, port, controllerPort }) : given),
    }
    const flags = [...(id === 1 ? archive.writeFlags : []), ...(options.flags ?? [])]
    const heapMb = options.heapMb ?? 512
    const settings = { id, port, controllerPort, folder: nodeFolder, heapMb, flags, properties }
    return new KafkaNode(runtime, settings)
  })
}
