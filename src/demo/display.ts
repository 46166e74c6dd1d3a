// The demo's display: a live summary on a terminal, a line now and then elsewhere.

import { styleText } from 'node:util'
import { createLogUpdate } from 'log-update'
import type { DecisionRecord } from '../decisions.ts'
import { OUTCOMES } from '../metrics/counters.ts'
import type { Runtime } from '../runtime.ts'
import type { Demo, DemoOptions } from './demo.ts'

/** Where lines go. */
type Printer = { print(text: string): void }

const TERMINAL_INTERVAL_MS = 250
const LINE_INTERVAL_MS = 2000
/** Over how long the shown rate is taken. */
const RATE_WINDOW_MS = 2000

const COLOURS = { approved: 'green', rejected: 'red', referred: 'yellow' } as const

export class Display {
  private readonly demo: Demo
  private readonly runtime: Runtime
  private readonly partitions: number
  private readonly output: Printer
  private readonly isTerminal = process.stdout.isTTY
  private readonly update = createLogUpdate(process.stdout)
  private timer: ReturnType<typeof setInterval> | undefined
  private readonly history: { atMs: number; decided: number }[] = []

  constructor(demo: Demo, runtime: Runtime, options: DemoOptions, output: Printer) {
    this.output = output
    this.demo = demo
    this.runtime = runtime
    this.partitions = options.partitions
  }

  start(): void {
    const { model, version } = this.runtime.supervisor
    const parts = [
      `${this.partitions} partitions`,
      'exactly-once',
      `model ${model.name} ${model.hash.slice(0, 8)}`,
      `librdkafka ${version.librdkafka}`,
    ]
    this.output.print(`loanstream demo: ${parts.join(', ')}\n`)
    const pages = ['/', '/apply', '/metrics'].map((path) => this.runtime.url + path)
    this.output.print(`${pages.join('  ')}  ctrl-C ends\n\n`)
    const interval = this.isTerminal ? TERMINAL_INTERVAL_MS : LINE_INTERVAL_MS
    this.timer = setInterval(() => this.draw(), interval)
  }

  stop(): void {
    clearInterval(this.timer)
    this.draw()
    if (this.isTerminal) this.update.done()
    this.output.print('\n')
  }

  private draw(): void {
    if (this.isTerminal) this.update(this.screen())
    else this.output.print(`${this.line()}\n`)
  }

  /** Decisions a second over the last moments. */
  private rate(): number {
    const nowMs = performance.now()
    this.history.push({ atMs: nowMs, decided: this.demo.decided() })
    while (this.history.length > 2 && nowMs - this.history[1]!.atMs > RATE_WINDOW_MS) {
      this.history.shift()
    }
    const [first] = this.history
    const last = this.history[this.history.length - 1]!
    const seconds = (last.atMs - first!.atMs) / 1000
    return seconds > 0 ? Math.round((last.decided - first!.decided) / seconds) : 0
  }

  private line(): string {
    const { demo } = this
    const counts = OUTCOMES.map((name, i) => `${demo.outcome(i)} ${name}`).join(', ')
    const { p50, p99 } = demo.summary().latency_ms
    const rate = `${this.rate()}/s`
    return `${demo.decided()} decisions (${rate}): ${counts}; p50 ${p50} ms, p99 ${p99} ms`
  }

  private screen(): string {
    const { demo } = this
    const decided = demo.decided()
    const { p50, p99 } = demo.summary().latency_ms
    const bold = (text: string) => styleText('bold', text)
    const dim = (text: string) => styleText('dim', text)
    const row = (name: string, ...cells: string[]) => `  ${name.padEnd(14)}${cells.join('  ')}`
    const lines = [
      row('decisions', bold(number(decided).padStart(12)), `${number(this.rate())} a second`),
    ]
    for (const [i, name] of OUTCOMES.entries()) {
      const count = demo.outcome(i)
      const share = decided > 0 ? `${((100 * count) / decided).toFixed(1).padStart(5)} %` : ''
      lines.push(row(name, styleText(COLOURS[name], number(count).padStart(12)), share))
    }
    lines.push(row('dead letters', number(demo.deadLetters()).padStart(12)))
    lines.push(
      row('latency', `p50 ${p50} ms`.padStart(12), `p99 ${p99} ms`, dim('sent to committed')),
    )
    lines.push('', dim('  last decisions'))
    for (const decision of demo.latest) lines.push(`  ${decisionLine(decision)}`)
    return lines.join('\n')
  }
}

function decisionLine(decision: DecisionRecord): string {
  const { application_id, probability_of_default, reasons, score } = decision
  const probability = `${(100 * probability_of_default).toFixed(1).padStart(5)} %`
  const why = reasons.map(({ code, fields }) =>
    fields.length > 0 ? `${code} (${fields.join(', ')})` : code,
  )
  const outcome = styleText(COLOURS[decision.decision], decision.decision.padEnd(9))
  return `${application_id.slice(0, 8)}  ${outcome} ${probability}  score ${score}  ${why.join(', ')}`
}

function number(value: number): string {
  return value.toLocaleString('en-US')
}
