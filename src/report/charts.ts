// The charts of a report's page, as SVG. Colours are the page's own variables, so that they follow
// its light or dark look.

import type { EncodeEntry, Mark, Spec } from 'vega'
import { renderSvg } from '../svg.ts'
import type { GroupingView } from './grouping.ts'
import type { ReasonView } from './report.ts'
import type { StabilityView } from './stability.ts'

const WIDTH = 660
const ROW = 24
const INK = 'var(--ink)'
const QUIET = 'var(--quiet)'
const LINE = 'var(--line)'
const FONT = "system-ui, 'Segoe UI', Roboto, 'Liberation Sans', sans-serif"

const OUTCOMES = ['approved', 'referred', 'rejected'] as const
const OUTCOME_COLOURS = OUTCOMES.map((name) => `var(--${name})`)

/** @param what  the chart in words, for those who do not see it */
async function draw(what: string, spec: Spec): Promise<string> {
  const config = {
    axis: {
      labelColor: QUIET,
      titleColor: QUIET,
      gridColor: LINE,
      domainColor: LINE,
      tickColor: LINE,
      labelFont: FONT,
      titleFont: FONT,
      titleFontWeight: 400 as const,
      labelFontSize: 12,
      titleFontSize: 12,
      labelLimit: 320,
    },
    legend: { labelColor: INK, labelFont: FONT, labelFontSize: 12, symbolType: 'square' },
    text: { font: FONT, fill: INK },
  }
  const frame = { padding: 4, width: WIDTH, autosize: 'fit-x' as const }
  const svg = await renderSvg({ ...frame, ...spec, config, background: 'transparent' })
  // The picture has a name as a whole, and its numbers are in a table: its parts need none.
  return svg
    .replaceAll(/ role="graphics-\w+"( aria-\w+="[^"]*")*/g, '')
    .replace('<svg', () => `<svg role="img" aria-label="${Bun.escapeHTML(what)}"`)
}

const LEGEND = { fill: 'color', orient: 'top', direction: 'horizontal' } as const

function bandAxes(title: string, format: string): NonNullable<Spec['axes']> {
  return [
    { orient: 'bottom', scale: 'x', grid: true, title, format, tickCount: 6 },
    { orient: 'left', scale: 'y', ticks: false, domain: false, labelPadding: 8 },
  ]
}

/** A bar a group: which share of its decisions has which outcome. */
export function ratesChart({ column, groups }: GroupingView): Promise<string> {
  const values = groups.flatMap(({ group, rates }) => {
    let from = 0
    return OUTCOMES.map((outcome) => {
      const to = from + (rates[outcome]?.value ?? 0)
      const bar = { group, outcome, from, to }
      from = to
      return bar
    })
  })
  return draw(`Share of each outcome by ${column}`, {
    height: groups.length * ROW,
    data: [{ name: 'bars', values }],
    scales: [
      { name: 'x', type: 'linear', range: 'width', domain: [0, 1] },
      band(groups.map(({ group }) => group)),
      { name: 'color', type: 'ordinal', domain: [...OUTCOMES], range: OUTCOME_COLOURS },
    ],
    axes: bandAxes('share of decisions', '.0%'),
    legends: [LEGEND],
    marks: [bars({ scale: 'color', field: 'outcome' })],
  })
}

/** A point a group with its interval, on a logarithmic axis, and the threshold. */
export function ratioChart(
  { column, groups, reference }: GroupingView,
  threshold: number,
): Promise<string> {
  const compared = groups.filter(({ ratio }) => ratio !== null && ratio.value > 0)
  const values = compared.map(({ group, ratio, below_threshold: isBelow }) => ({
    group,
    value: ratio!.value,
    low: ratio!.low ?? ratio!.value,
    high: ratio!.high ?? ratio!.value,
    color: isBelow ? 'var(--rejected)' : 'var(--accent)',
  }))
  const ends = values.flatMap(({ low, high }) => [low, high])
  const domain = [Math.min(0.5, threshold, ...ends) * 0.95, Math.max(1.2, ...ends) * 1.05]
  const y = { scale: 'y', field: 'group', band: 0.5 }
  return draw(`Approval rate over that of ${reference}, by ${column}, with intervals`, {
    height: values.length * ROW,
    data: [{ name: 'groups', values }],
    scales: [
      { name: 'x', type: 'log', range: 'width', domain },
      band(values.map(({ group }) => group)),
    ],
    axes: bandAxes(`approval rate over that of ${reference} (logarithmic)`, '.2~f'),
    marks: [
      rule(threshold, 'var(--rejected)'),
      rule(1, QUIET),
      caption(threshold, `${threshold}`),
      {
        type: 'rule',
        from: { data: 'groups' },
        encode: {
          update: {
            x: { scale: 'x', field: 'low' },
            x2: { scale: 'x', field: 'high' },
            y,
            stroke: { field: 'color' },
            strokeWidth: { value: 2 },
          },
        },
      },
      {
        type: 'symbol',
        from: { data: 'groups' },
        encode: {
          update: {
            x: { scale: 'x', field: 'value' },
            y,
            size: { value: 70 },
            fill: { field: 'color' },
          },
        },
      },
    ],
  })
}

/** Shares by bin in training and now, a pair of bars a bin. */
export function distributionChart({ name, edges, training, now }: StabilityView): Promise<string> {
  const label = (bin: number) => {
    if (bin === 0) return `≤ ${edges[0]}`
    return bin === edges.length ? `> ${edges.at(-1)}` : `${edges[bin]}`
  }
  const sides = { training, now }
  const values = Object.entries(sides).flatMap(([side, shares]) =>
    shares.map((share, bin) => ({ side, bin: label(bin), share })),
  )
  return draw(`${name}: share of each bin in training and now`, {
    height: 220,
    data: [{ name: 'bars', values }],
    scales: [
      {
        name: 'x',
        type: 'band',
        range: 'width',
        domain: training.map((_, i) => label(i)),
        padding: 0.2,
      },
      {
        name: 'side',
        type: 'band',
        domain: ['training', 'now'],
        range: [0, { signal: "bandwidth('x')" }],
      },
      {
        name: 'y',
        type: 'linear',
        range: 'height',
        nice: true,
        domain: { data: 'bars', field: 'share' },
      },
      {
        name: 'color',
        type: 'ordinal',
        domain: ['training', 'now'],
        range: ['var(--training)', 'var(--accent)'],
      },
    ],
    axes: [
      {
        orient: 'bottom',
        scale: 'x',
        title: `${name}, each bin up to and with the number below it`,
        labelAngle: -45,
        labelAlign: 'right',
      },
      { orient: 'left', scale: 'y', grid: true, format: '.0%', tickCount: 5 },
    ],
    legends: [LEGEND],
    marks: [
      {
        type: 'rect',
        from: { data: 'bars' },
        encode: {
          update: {
            x: { scale: 'x', field: 'bin', offset: { scale: 'side', field: 'side' } },
            width: { scale: 'side', band: 1 },
            y: { scale: 'y', field: 'share' },
            y2: { scale: 'y', value: 0 },
            fill: { scale: 'color', field: 'side' },
          },
        },
      },
    ],
  })
}

/** A bar a feature: its stability index, with the threshold. */
export function stabilityChart(
  views: readonly StabilityView[],
  threshold: number,
): Promise<string> {
  const values = views
    .filter(({ psi }) => psi !== null)
    .sort((a, b) => b.psi! - a.psi!)
    .map(({ name, psi }) => ({
      group: name,
      from: 0,
      to: psi,
      color: psi! > threshold ? 'var(--rejected)' : 'var(--accent)',
    }))
  const most = Math.max(threshold * 1.1, ...values.map(({ to }) => to!))
  return draw('Population stability index of the score and each feature', {
    height: values.length * ROW,
    data: [{ name: 'bars', values }],
    scales: [
      { name: 'x', type: 'linear', range: 'width', domain: [0, most] },
      band(values.map(({ group }) => group)),
    ],
    axes: bandAxes('population stability index', '.2~f'),
    marks: [
      bars({ field: 'color' }),
      rule(threshold, 'var(--rejected)'),
      caption(threshold, `${threshold}`),
    ],
  })
}

/** A bar a reason: how many rejected and referred decisions have it. */
export function reasonsChart(reasons: readonly ReasonView[]): Promise<string> {
  const values = reasons.flatMap(({ code, rejected, referred }) => [
    { group: code, outcome: 'rejected', from: 0, to: rejected },
    { group: code, outcome: 'referred', from: rejected, to: rejected + referred },
  ])
  return draw('Decisions by reason', {
    height: reasons.length * ROW,
    data: [{ name: 'bars', values }],
    scales: [
      {
        name: 'x',
        type: 'linear',
        range: 'width',
        nice: true,
        domain: { data: 'bars', field: 'to' },
      },
      band(reasons.map(({ code }) => code)),
      {
        name: 'color',
        type: 'ordinal',
        domain: ['rejected', 'referred'],
        range: ['var(--rejected)', 'var(--referred)'],
      },
    ],
    axes: bandAxes('decisions with this reason', ',d'),
    legends: [LEGEND],
    marks: [bars({ scale: 'color', field: 'outcome' })],
  })
}

function band(domain: string[]): NonNullable<Spec['scales']>[number] {
  return { name: 'y', type: 'band', range: 'height', padding: 0.25, domain }
}

function bars(fill: NonNullable<EncodeEntry['fill']>): Mark {
  return {
    type: 'rect',
    from: { data: 'bars' },
    encode: {
      update: {
        x: { scale: 'x', field: 'from' },
        x2: { scale: 'x', field: 'to' },
        y: { scale: 'y', field: 'group' },
        height: { scale: 'y', band: 1 },
        fill,
      },
    },
  }
}

function rule(at: number, colour: string): Mark {
  return {
    type: 'rule',
    encode: {
      update: {
        x: { scale: 'x', value: at },
        y: { value: 0 },
        y2: { signal: 'height' },
        stroke: { value: colour },
        strokeDash: { value: [4, 3] },
      },
    },
  }
}

function caption(at: number, text: string): Mark {
  return {
    type: 'text',
    encode: {
      update: {
        x: { scale: 'x', value: at },
        y: { value: -4 },
        align: { value: 'center' },
        fontSize: { value: 12 },
        fill: { value: 'var(--rejected)' },
        text: { value: text },
      },
    },
  }
}
