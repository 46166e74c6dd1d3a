// The proxies in front of a cluster's brokers: what the brokers advertise, so that clients and
// brokers among themselves go through them.

import { join } from 'node:path'
import { freePorts } from './kafka-ports.ts'
import type { Harm, Order, Report } from './network-proxy.ts'

export class Network implements AsyncDisposable {
  /** Answers that were lost or falsified by the last order. */
  harmed = 0
  /** Of the proxies, one a broker. */
  readonly ports: readonly number[]
  private readonly child: Bun.Subprocess

  constructor(brokers: number) {
    this.ports = freePorts(brokers)
    this.child = Bun.spawn([process.execPath, join(import.meta.dir, 'network-proxy.ts')], {
      stdin: 'ignore',
      stdout: 'ignore',
      stderr: 'inherit',
      ipc: ({ harmed }: Report) => {
        this.harmed = harmed
      },
    })
  }

  get bootstrapServers(): string {
    return this.ports.map((port) => `127.0.0.1:${port}`).join()
  }

  /** What a broker, numbered from 1, tells clients of itself, once its port is known. */
  advertise(id: number, target: number): string {
    const port = this.ports[id - 1]!
    this.order({ type: 'listen', port, target })
    return `PLAINTEXT://127.0.0.1:${port}`
  }

  delay(delayMs: number): void {
    this.order({ type: 'delay', delayMs })
  }

  /** Of all brokers' answers; nothing more when there is none. */
  harm(harm?: Harm): void {
    this.harmed = 0
    this.order({ type: 'harm', harm })
  }

  private order(order: Order): void {
    this.child.send(order)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill('SIGKILL')
    await this.child.exited
  }
}
