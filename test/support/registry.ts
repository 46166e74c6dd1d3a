// A real schema registry for tests: Apicurio, in memory, on loopback, from the jars that
// `bun src/setup/main.ts --broker` brings. Nothing is left over when the test process ends.
//
//   await using registry = await Registry.start()
//   const client = new RegistryClient({ url: registry.url, … })

import { closeSync, mkdtempSync, openSync, readFileSync, readdirSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BUILD } from '../../src/paths.ts'
import type { JarFacts } from '../../src/setup/jars.ts'
import { registryFactsPath } from '../../src/setup/registry.ts'
import { freePorts } from './kafka-ports.ts'
import { Watchdog } from './kafka-watchdog.ts'

const START_MS_MAX = 60_000
const POLL_MS = 100

export class Registry implements AsyncDisposable {
  readonly url: string
  private readonly child: Bun.Subprocess
  private readonly watchdog: Watchdog

  /** Why there is no registry here, in one sentence; undefined when there is. */
  static unavailable(): string | undefined {
    const facts = readFacts()
    return 'unavailable' in facts ? facts.unavailable : undefined
  }

  /** @throws Error with the end of its log when it does not serve in time */
  static async start(): Promise<Registry> {
    const facts = readFacts()
    if ('unavailable' in facts) throw new Error(facts.unavailable)
    const folder = mkdtempSync(join(tmpdir(), 'loanstream-registry-'))
    const registry = new Registry(facts, folder)
    const until = performance.now() + START_MS_MAX
    while (performance.now() < until && registry.child.exitCode === null) {
      const ready = await fetch(`${registry.url}/subjects`).catch(() => undefined)
      if (ready?.ok) return registry
      await Bun.sleep(POLL_MS)
    }
    const log = readFileSync(join(folder, 'registry.log'), 'utf8').slice(-2000)
    await registry.stop()
    throw new Error(`the registry is not ready in time:\n${log}`)
  }

  private constructor(facts: Exclude<JarFacts, { unavailable: string }>, folder: string) {
    const [port] = freePorts(1)
    this.url = `http://127.0.0.1:${port}/apis/ccompat/v7`
    this.watchdog = new Watchdog(folder)
    const runner = readdirSync(facts.jarFolder).find((name) => name.endsWith('-runner.jar'))!
    const log = openSync(join(folder, 'registry.log'), 'a')
    this.child = Bun.spawn(
      [
        facts.java,
        '-Xmx256m',
        '-XX:TieredStopAtLevel=1',
        '-Dquarkus.http.host=127.0.0.1',
        `-Dquarkus.http.port=${port}`,
        '-jar',
        join(facts.jarFolder, runner),
      ],
      { cwd: folder, stdin: 'ignore', stdout: log, stderr: log },
    )
    closeSync(log)
    this.child.unref()
    this.watchdog.watch([this.child.pid])
  }

  async stop(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.child.exited
    await this.watchdog.end()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop()
  }
}

function readFacts(): JarFacts {
  try {
    return JSON.parse(readFileSync(registryFactsPath(BUILD), 'utf8')) as JarFacts
  } catch {
    const how = 'run the set-up with --broker'
    return { unavailable: `tests on a real schema registry are skipped: ${how}` }
  }
}
