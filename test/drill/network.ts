// The proxies in front of a cluster's brokers: what the brokers advertise, so that clients and
// brokers among themselves go through them.

import { join } from 'node:path'
import { freePorts } from '../support/kafka-ports.ts'
import type { Order } from './slow-network.ts'

export class Network {
  /** Of the proxies, one a broker. */
  readonly ports: readonly number[]
  private readonly child: Bun.Subprocess
  private readonly listening = new Set<number>()

  constructor(brokers: number) {
    this.ports = freePorts(brokers)
    this.child = Bun.spawn([process.execPath, join(import.meta.dir, 'slow-network.ts')], {
      stdin: 'ignore',
      stdout: 'ignore',
      stderr: 'inherit',
      ipc: (message: { listening: number }) => this.listening.add(message.listening),
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

  private order(order: Order): void {
    this.child.send(order)
  }

  async stop(): Promise<void> {
    this.child.kill('SIGKILL')
    await this.child.exited
  }
}
