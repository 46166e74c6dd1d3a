// The native engines, in a Python process that measures on request: see measure.py.

import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { Readable } from 'node:stream'
import { z } from 'zod'

/** One row at a time, or all rows at once. */
export type Kind = 'one' | 'batch'

const facts = z.union([
  z.object({ engine: z.string(), difference: z.number() }),
  z.object({ engine: z.string(), skipped: z.string() }),
])
export type Facts = z.infer<typeof facts>

export class NativeEngines {
  /** What the engines print. */
  private readonly log: string
  private readonly child: Bun.Subprocess<'pipe', 'pipe', Bun.BunFile>
  private readonly lines: AsyncIterator<string>

  /** @param folder  where rows.f64 and scores.f64 lie */
  constructor(python: string, folder: string, model: string) {
    this.log = join(folder, 'engines.log')
    this.child = Bun.spawn([python, join(import.meta.dir, 'measure.py'), folder, model], {
      stdin: 'pipe',
      stdout: 'pipe',
      stderr: Bun.file(this.log),
    })
    const input = Readable.fromWeb(this.child.stdout)
    this.lines = createInterface({ input })[Symbol.asyncIterator]()
  }

  /** Each engine with what it checked, or why it is left out. Called once, first. */
  async prepare(): Promise<Facts[]> {
    const all: Facts[] = []
    for (;;) {
      const value = JSON.parse(await this.line())
      if ('ready' in value) return all
      all.push(facts.parse(value))
    }
  }

  /** Microseconds a row. */
  async measure(engine: string, kind: Kind): Promise<number> {
    void this.child.stdin.write(`${engine} ${kind}\n`)
    void this.child.stdin.flush()
    return z.number().parse(JSON.parse(await this.line()))
  }

  end(): void {
    this.child.kill()
  }

  private async line(): Promise<string> {
    const { done, value } = await this.lines.next()
    if (done) throw new Error(`the engines have ended, ${this.log} may say why`)
    return value
  }
}
