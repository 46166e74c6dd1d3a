// The charts, by uPlot: decisions a second, latency, and the score against training.

import type UPlot from 'uplot'
import type { History, ScoreView, Tick } from '../monitor/frame.ts'
import { count, percent, rate, seconds } from './format.ts'

/** uplot.js, a classic script, is loaded before. */
declare const uPlot: typeof UPlot

const TICKS_MAX = 600
/** CSS pixels. */
const PLOT_HEIGHT = 190
export const OUTCOMES = ['approved', 'rejected', 'referred']
const QUANTILES = ['p50', 'p99', 'p99.9']
const DASHES = [[], [8, 4], [2, 3]]

function colour(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim()
}

function axis(values: (value: number) => string, size = 58): UPlot.Axis {
  return {
    stroke: () => colour('quiet'),
    grid: { stroke: () => colour('line'), width: 1 },
    ticks: { show: false },
    font: '11px system-ui, sans-serif',
    size,
    values: (_: UPlot, splits: number[]) => splits.map((v) => (v === null ? '' : values(v))),
  }
}

const clock = new Intl.DateTimeFormat('en-GB', {
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
})

function timeAxis(): UPlot.Axis {
  return { ...axis((at) => clock.format(at * 1000), 30), space: 80 }
}

type Columns = (number | null)[][]

/** Lines over the last minutes. */
class TimeChart {
  protected readonly columns: Columns
  protected readonly plot: UPlot
  private readonly target: HTMLElement

  constructor(target: HTMLElement, options: Partial<UPlot.Options>, lines: UPlot.Series[]) {
    this.target = target
    this.columns = [[], ...lines.map(() => [])]
    const size = sizeOf(target)
    const series = [{ value: (_: UPlot, at: number) => (at ? clock.format(at * 1000) : '–') }]
    const all = { ...size, ...options, series: [...series, ...lines] } as UPlot.Options
    this.plot = new uPlot(all, this.columns as UPlot.AlignedData, target)
    new ResizeObserver(() => this.plot.setSize(sizeOf(target))).observe(target)
  }

  reset(atMs: readonly number[], lines: readonly (readonly (number | null)[])[]): void {
    this.columns[0] = atMs.map((at) => at / 1000)
    for (const [i, line] of lines.entries()) this.columns[i + 1] = [...line]
    this.draw()
  }

  add(atMs: number, values: readonly (number | null)[]): void {
    for (const [i, value] of [atMs / 1000, ...values].entries()) {
      const column = this.columns[i]!
      column.push(value)
      if (column.length > TICKS_MAX) column.shift()
    }
  }

  draw(): void {
    this.plot.setData(this.columns as UPlot.AlignedData)
  }

  /** After the theme changed. */
  redraw(): void {
    this.plot.redraw()
  }

  describe(text: string): void {
    this.target.setAttribute('aria-label', text)
  }
}

/** uPlot's height is without its legend. */
function sizeOf(target: HTMLElement): { width: number; height: number } {
  return { width: Math.max(220, target.clientWidth), height: PLOT_HEIGHT }
}

export class RateChart extends TimeChart {
  constructor(target: HTMLElement) {
    const lines = OUTCOMES.map((name, i) => ({
      label: name,
      stroke: () => colour(name),
      width: 2,
      dash: DASHES[i]!,
      points: { show: false },
      value: (_: UPlot, value: number | null) => (value === null ? '–' : rate(value)),
    }))
    const scales = { y: { range: (_: UPlot, __: number, max: number) => rangeTo(max) } }
    super(target, { axes: [timeAxis(), axis(count)], scales }, lines)
  }

  setHistory({ atMs, rates }: History): void {
    this.reset(atMs, rates)
  }

  addTick({ atMs, rates }: Tick): void {
    this.add(atMs, rates)
    const said = OUTCOMES.map((name, i) => `${rate(rates[i]!)} ${name}`).join(', ')
    this.describe(`Decisions a second by outcome over the last minutes; now ${said}`)
  }

  showOutcomes(shown: ReadonlySet<string>): void {
    for (const [i, name] of OUTCOMES.entries()) {
      if (this.plot.series[i + 1]!.show !== shown.has(name)) {
        this.plot.setSeries(i + 1, { show: shown.has(name) })
      }
    }
  }
}

function rangeTo(max: number | null): [number, number] {
  return [0, Math.max(1, (max ?? 0) * 1.08)]
}

export class LatencyChart extends TimeChart {
  constructor(target: HTMLElement) {
    const lines = QUANTILES.map((name, i) => ({
      label: name,
      stroke: () => colour(['accent', 'referred', 'rejected'][i]!),
      width: 2,
      dash: DASHES[i]!,
      spanGaps: false,
      points: { show: false },
      value: (_: UPlot, value: number | null) => seconds(value),
    }))
    const scales = {
      y: {
        distr: 3 as const,
        range: (_: UPlot, low: number | null, high: number | null): [number, number] => [
          10 ** Math.floor(Math.log10(low ?? 0.001)),
          10 ** Math.ceil(Math.log10((high ?? 1) * 1.001)),
        ],
      },
    }
    super(target, { axes: [timeAxis(), axis(seconds)], scales }, lines)
  }

  setHistory({ atMs, latency }: History): void {
    this.reset(atMs, latency)
  }

  addTick({ atMs, latency }: Tick): void {
    this.add(atMs, latency)
    const said = QUANTILES.map((name, i) => `${name} ${seconds(latency[i]!)}`).join(', ')
    this.describe(`Latency over the last minutes; now ${said}`)
  }
}

/** Bars of what is decided now, and a line of the training data. */
export class ScoreChart {
  private readonly target: HTMLElement
  private readonly plot: UPlot
  private edges: readonly number[] = []

  constructor(target: HTMLElement) {
    this.target = target
    const bars = uPlot.paths.bars!({ size: [0.82, 64] })
    const value = (_: UPlot, share: number | null) => (share === null ? '–' : percent(share))
    this.plot = new uPlot(
      {
        ...sizeOf(target),
        scales: {
          x: { time: false, range: (_, low, high) => [low - 0.6, high + 0.6] },
          y: { range: (_, __, max) => [0, Math.max(0.01, max * 1.1)] },
        },
        axes: [
          { ...axis((bin) => this.label(bin), 30), space: 46 },
          axis((v) => percent(v, 0), 46),
        ],
        series: [
          { label: 'default', value: (_, bin) => (bin === null ? '–' : this.label(bin)) },
          {
            label: 'now',
            paths: bars,
            fill: () => colour('bar'),
            stroke: () => colour('accent'),
            width: 1,
            points: { show: false },
            value,
          },
          {
            label: 'training',
            stroke: () => colour('training'),
            width: 2,
            dash: [6, 3],
            points: { show: false },
            value,
          },
        ],
      },
      [[], [], []],
      target,
    )
    new ResizeObserver(() => this.plot.setSize(sizeOf(target))).observe(target)
  }

  /** A bin's margin, the middle of it, as a probability. */
  private label(bin: number): string {
    const { edges } = this
    if (!Number.isInteger(bin) || bin < 0 || bin > edges.length || edges.length === 0) return ''
    const low = edges[Math.max(0, bin - 1)]!
    const high = edges[Math.min(edges.length - 1, bin)]!
    return percent(1 / (1 + Math.exp(-(low + high) / 2)), 0)
  }

  show({ edges, now, training, psi }: ScoreView): void {
    this.edges = edges
    this.plot.setData([now.map((_, i) => i), now, training])
    const verdict = psi === null ? '' : `; population stability index ${psi.toFixed(3)}`
    this.target.setAttribute(
      'aria-label',
      `Probability of default: shares of what is decided now against training${verdict}`,
    )
  }

  redraw(): void {
    this.plot.redraw()
  }
}
