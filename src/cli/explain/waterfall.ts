// An explanation as a picture: from the reference's margin to the row's, a step a feature, with the
// policy's cut-offs.

import type { Spec } from 'vega'
import { usageError } from '../../errors.ts'
import type { FeatureShare } from '../../explain/explained.ts'
import type { Explanation } from '../../explain/explanation.ts'
import { renderSvg } from '../../svg.ts'

/** Features with a step of their own; the others share one. */
const STEPS_MAX = 12
const STEP_PIXELS = 26
const WIDTH_PIXELS = 520

type Step = { label: string; from: number; to: number; kind: 'total' | 'up' | 'down'; text: string }

/** @throws OperatingError kind 'usage', code 'explain', for a model without a reference set */
export async function waterfallSvg(explanation: Explanation): Promise<string> {
  return `${await renderSvg(specOf(explanation, stepsOf(explanation)))}\n`
}

function stepsOf({ decision, reference, features }: Explanation): Step[] {
  if (!reference) {
    throw usageError('explain', 'the model has no reference set, so there is nothing to draw')
  }
  const moving = features.filter(({ contribution }) => contribution !== 0)
  const shown = moving.length > STEPS_MAX ? moving.slice(0, STEPS_MAX - 1) : moving
  const rest = moving.slice(shown.length)
  const parts = shown.map((share) => ({ label: labelOf(share), change: share.contribution! }))
  if (rest.length > 0) {
    const change = rest.reduce((sum, { contribution }) => sum + contribution!, 0)
    parts.push({ label: `${rest.length} other features`, change })
  }
  let at = reference.margin
  const start = rounded(at)
  const steps: Step[] = [{ label: 'reference', from: at, to: at, kind: 'total', text: start }]
  for (const { label, change } of parts) {
    const text = `${change < 0 ? '' : '+'}${rounded(change)}`
    steps.push({ label, from: at, to: at + change, kind: change > 0 ? 'up' : 'down', text })
    at += change
  }
  const end = decision.margin
  const total = rounded(end)
  return [...steps, { label: 'this application', from: end, to: end, kind: 'total', text: total }]
}

/** With a minus as wide as a plus, as the axis has it. */
function rounded(x: number): string {
  return x.toFixed(3).replace('-', '−')
}

function labelOf({ feature, value, reference }: FeatureShare): string {
  const [own, other] = [value, reference ?? null].map((x) =>
    x === null ? 'missing' : Number(x.toPrecision(6)).toLocaleString('en-US'),
  )
  return `${feature} ${own} (${other})`
}

function specOf({ decision, policy }: Explanation, steps: readonly Step[]): Spec {
  const values = steps.map((step, i) => ({ ...step, i, next: Math.min(i + 1, steps.length - 1) }))
  const ends = steps.flatMap(({ from, to }) => [from, to])
  const cutoffs = [
    { at: policy.refer_above, label: 'referred above' },
    { at: policy.reject_from, label: 'rejected from' },
  ].filter(({ at }) => at >= Math.min(...ends) - 1 && at <= Math.max(...ends) + 1)
  const x = [...ends, ...cutoffs.map(({ at }) => at)]
  const room = Math.max(0.05, (Math.max(...x) - Math.min(...x)) * 0.15)
  return {
    $schema: 'https://vega.github.io/schema/vega/v6.json',
    width: WIDTH_PIXELS,
    height: steps.length * STEP_PIXELS,
    padding: 16,
    background: 'white',
    title: {
      text: `${decision.decision}: application ${decision.application_id}`,
      subtitle:
        'log-odds of default: red raises, blue lowers it; in brackets the value of the reference',
      anchor: 'start',
      offset: 24,
    },
    data: [
      { name: 'steps', values },
      { name: 'cutoffs', values: cutoffs },
    ],
    scales: [
      {
        name: 'x',
        type: 'linear',
        range: 'width',
        zero: false,
        domain: [Math.min(...x) - room, Math.max(...x) + room],
      },
      { name: 'y', type: 'band', range: 'height', padding: 0.25, domain: values.map(({ i }) => i) },
      {
        name: 'color',
        type: 'ordinal',
        domain: ['up', 'down', 'total'],
        range: ['#c0392b', '#2471a3', '#333333'],
      },
    ],
    axes: [
      { orient: 'bottom', scale: 'x', grid: true, title: 'margin' },
      {
        orient: 'left',
        scale: 'y',
        ticks: false,
        domain: false,
        labelLimit: 320,
        labelPadding: 8,
        encode: { labels: { update: { text: { signal: labelSignal(steps) } } } },
      },
    ],
    marks: [
      {
        type: 'rule',
        from: { data: 'cutoffs' },
        encode: {
          update: {
            x: { scale: 'x', field: 'at' },
            y: { value: -4 },
            y2: { signal: 'height' },
            stroke: { value: '#888888' },
            strokeDash: { value: [4, 3] },
          },
        },
      },
      {
        type: 'text',
        from: { data: 'cutoffs' },
        encode: {
          update: {
            x: { scale: 'x', field: 'at' },
            y: { value: -8 },
            align: { value: 'center' },
            fontSize: { value: 10 },
            fill: { value: '#666666' },
            text: { field: 'label' },
          },
        },
      },
      {
        type: 'rule',
        from: { data: 'steps' },
        encode: {
          update: {
            x: { scale: 'x', field: 'to' },
            y: { scale: 'y', field: 'i' },
            y2: { scale: 'y', field: 'next', band: 1 },
            stroke: { value: '#bbbbbb' },
          },
        },
      },
      {
        type: 'rect',
        from: { data: 'steps' },
        encode: {
          update: {
            x: { scale: 'x', field: 'from', offset: { signal: totalOffset(-2) } },
            x2: { scale: 'x', field: 'to', offset: { signal: totalOffset(2) } },
            y: { scale: 'y', field: 'i' },
            height: { scale: 'y', band: 1 },
            fill: { scale: 'color', field: 'kind' },
          },
        },
      },
      {
        type: 'text',
        from: { data: 'steps' },
        encode: {
          update: {
            x: { signal: "scale('x', max(datum.from, datum.to)) + 6" },
            y: { scale: 'y', field: 'i', band: 0.5 },
            baseline: { value: 'middle' },
            fontSize: { value: 11 },
            text: { field: 'text' },
          },
        },
      },
    ],
  }
}

/** A total is a line of no width: it is drawn a little wider. */
function totalOffset(pixels: number): string {
  return `datum.kind === 'total' ? ${pixels} : 0`
}

/** Labels may be the same for two steps, so the axis counts the steps and says this of each. */
function labelSignal(steps: readonly Step[]): string {
  return `${JSON.stringify(steps.map(({ label }) => label))}[datum.value]`
}
