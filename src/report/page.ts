// A report as one HTML file that needs nothing else: no script, no font, no network.

import { html, raw } from 'hono/html'
import { DECISIONS } from '../avro/encode-plan.ts'
import {
  distributionChart,
  ratesChart,
  ratioChart,
  reasonsChart,
  stabilityChart,
} from './charts.ts'
import type { GroupView, GroupingView } from './grouping.ts'
import type { Report } from './report.ts'
import type { StabilityReport, StabilityView } from './stability.ts'
import { STYLE } from './style.ts'

type Html = ReturnType<typeof html>

export async function reportPage(report: Report): Promise<string> {
  const { source, decisions, settings, groupings, stability, reasons } = report
  const sections = [
    ...(await Promise.all(groupings.map((grouping) => groupingSection(grouping, settings)))),
    await stabilitySection(stability, report),
    ...(reasons.length > 0 ? [await reasonsSection(report)] : []),
  ]
  const page = await html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width" />
        <title>Decisions: rates, drift and reasons</title>
        <style>
          ${raw(STYLE)}
        </style>
      </head>
      <body>
        <header>
          <h1>Decisions: rates, drift and reasons</h1>
          <p>${number(decisions)} decisions of ${source}</p>
          ${raw(leftOut(report).map(line).join(''))}
        </header>
        <main>
          ${await summary(report)} ${await alerts(report)} ${sections} ${await methods(report)}
        </main>
      </body>
    </html>`
  return `${page}\n`
}

function leftOut({ left_out: left, applications, decisions }: Report): string[] {
  const { repeated, contradicting, unreadable } = left
  const found = applications && decisions - applications.found
  return [
    ...(repeated > 0 ? [`${number(repeated)} repeated decisions count once.`] : []),
    ...(contradicting > 0
      ? [`${number(contradicting)} decisions contradict an earlier one and do not count.`]
      : []),
    ...(unreadable > 0 ? [`${number(unreadable)} records are no decision.`] : []),
    ...(found ? [`The applications of ${number(found)} decisions were not found.`] : []),
  ]
}

/** Of text that holds nothing from outside. */
function line(text: string): string {
  return `<p>${text}</p>`
}

function summary({ outcomes, models, policies, settings }: Report): Html {
  const figures = DECISIONS.map((name) => {
    const estimate = outcomes[name]!
    const bounds = `${percent(estimate.low)} to ${percent(estimate.high)}`
    return html`<div class="figure" data-outcome="${name}">
      <h2>${name}</h2>
      <p class="value">${percent(estimate.value)}</p>
      <p class="quiet">${number(estimate.count)}; ${settings.confidence} %: ${bounds}</p>
    </div>`
  })
  const hashes = [
    ...models.map(({ model, decisions }) => ['Model', model, decisions] as const),
    ...policies.map(({ policy, decisions }) => ['Policy', policy, decisions] as const),
  ]
  return html`<section class="figures">${figures}</section>
    <section>
      <dl>
        ${hashes.map(
          ([what, hash, decisions]) =>
            html`<dt>${what}</dt>
              <dd><code>${hash}</code>, ${number(decisions)} decisions</dd>`,
        )}
      </dl>
    </section>`
}

function alerts({ alerts: told }: Report): Html {
  const none = html`<p>Nothing passes the thresholds that are set.</p>`
  return html`<section class="${told.length > 0 ? 'warn' : ''}">
    <h2>To look into</h2>
    ${
      told.length > 0
        ? html`<ul>
            ${told.map((text) => html`<li>${text}</li>`)}
          </ul>`
        : none
    }
  </section>`
}

async function groupingSection(
  grouping: GroupingView,
  { threshold, confidence }: Report['settings'],
): Promise<Html> {
  const { column, source, groups, unknown, reference } = grouping
  const charts = [
    ...(groups.length > 0 ? [await ratesChart(grouping)] : []),
    ...(groups.some(({ ratio }) => ratio !== null) ? [await ratioChart(grouping, threshold)] : []),
  ]
  const compared =
    reference === null
      ? 'No group is large enough to compare with.'
      : `Ratios are to ${reference}. Brackets hold the interval at ${confidence} %.`
  return html`<section>
    <h2>By ${column}</h2>
    <p class="quiet">From ${source}. ${compared}</p>
    <div class="charts">
      ${charts.map((svg) => html`<figure tabindex="0">${raw(svg)}</figure>`)}
    </div>
    <div class="scroll" tabindex="0" role="region" aria-label="Table by ${column}">
      <table>
        <thead>
          <tr>
            <th scope="col">${column}</th>
            <th scope="col" class="number">decisions</th>
            ${DECISIONS.map((name) => html`<th scope="col" class="number">${name}</th>`)}
            <th scope="col" class="number">ratio</th>
            <th scope="col">note</th>
          </tr>
        </thead>
        <tbody>
          ${groups.map((group) => groupRow(group))} ${unknown ? groupRow(unknown) : ''}
        </tbody>
      </table>
    </div>
  </section>`
}

function groupRow(group: GroupView): Html {
  return html`<tr data-state="${group.below_threshold ? 'bad' : ''}">
    <th scope="row">${group.group}</th>
    <td class="number">${number(group.decisions)}</td>
    ${DECISIONS.map((name) => {
      const rate = group.rates[name]
      if (!rate) return html`<td></td>`
      const bounds = `${percent(rate.low)} to ${percent(rate.high)}`
      return html`<td class="number">
        ${percent(rate.value)} <small>${number(rate.count)} [${bounds}]</small>
      </td>`
    })}
    <td class="number">${ratioText(group)}</td>
    <td>${noteOf(group)}</td>
  </tr>`
}

function ratioText({ ratio, is_reference: isReference }: GroupView): Html | string {
  if (isReference) return '1'
  if (!ratio) return ''
  const { value, low, high } = ratio
  const bounds = low === null ? 'no interval' : `${low.toFixed(2)} to ${high!.toFixed(2)}`
  return html`${value.toFixed(2)} <small>[${bounds}]</small>`
}

function noteOf(group: GroupView): string {
  if (group.is_reference) return 'reference'
  if (group.too_small !== null) return `too small to say: ${group.too_small}`
  if (group.interval_below_threshold) return 'below the threshold, with all of its interval'
  return group.below_threshold ? 'below the threshold' : ''
}

async function stabilitySection(
  stability: StabilityReport | null,
  { stability_note: note, settings }: Report,
): Promise<Html> {
  const told = note === null ? '' : html`<p class="quiet">Note: ${note}.</p>`
  if (!stability) {
    return html`<section>
      <h2>Against the training data</h2>
      ${told}
    </section>`
  }
  const { score, features, name, training_rows: rows } = stability
  const views = [score, ...(features ?? [])]
  const charts = [
    await distributionChart(score),
    ...(views.some(({ psi }) => psi !== null)
      ? [await stabilityChart(views, settings.psi_threshold)]
      : []),
  ]
  return html`<section>
    <h2>Against the training data</h2>
    <p class="quiet">Model ${name}, trained on ${number(rows)} rows.</p>
    ${told}
    <div class="charts">
      ${charts.map((svg) => html`<figure tabindex="0">${raw(svg)}</figure>`)}
    </div>
    <div class="scroll" tabindex="0" role="region" aria-label="Table of stability indexes">
      <table>
        <thead>
          <tr>
            <th scope="col">value</th>
            <th scope="col" class="number">index</th>
            <th scope="col" class="number">by chance</th>
            <th scope="col" class="number">values</th>
            <th scope="col" class="number">missing in training</th>
            <th scope="col" class="number">missing now</th>
          </tr>
        </thead>
        <tbody>
          ${views.map((view) => stabilityRow(view, settings.psi_threshold))}
        </tbody>
      </table>
    </div>
    ${features ? '' : html`<p class="quiet">Features need the applications.</p>`}
  </section>`
}

function stabilityRow(view: StabilityView, threshold: number): Html {
  const { name, psi, by_chance: chance, values, missing } = view
  return html`<tr data-state="${psi !== null && psi > threshold ? 'bad' : ''}">
    <th scope="row">${name}</th>
    <td class="number">${psi === null ? 'too few to say' : psi.toFixed(3)}</td>
    <td class="number">${chance.toFixed(3)}</td>
    <td class="number">${number(values)}</td>
    <td class="number">${percent(missing.training)}</td>
    <td class="number">${percent(missing.now)}</td>
  </tr>`
}

async function reasonsSection({ reasons }: Report): Promise<Html> {
  return html`<section>
    <h2>Reasons</h2>
    <div class="charts"><figure tabindex="0">${raw(await reasonsChart(reasons))}</figure></div>
    <div class="scroll" tabindex="0" role="region" aria-label="Table of reasons">
      <table>
        <thead>
          <tr>
            <th scope="col">reason</th>
            <th scope="col" class="number">decisions</th>
            <th scope="col" class="number">of those not approved</th>
            <th scope="col" class="number">as the first</th>
            <th scope="col" class="number">rejected</th>
            <th scope="col" class="number">referred</th>
          </tr>
        </thead>
        <tbody>
          ${reasons.map(
            (reason) =>
              html`<tr>
                <th scope="row">${reason.code}</th>
                <td class="number">${number(reason.decisions)}</td>
                <td class="number">${percent(reason.share)}</td>
                <td class="number">${number(reason.first)}</td>
                <td class="number">${number(reason.rejected)}</td>
                <td class="number">${number(reason.referred)}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
  </section>`
}

function methods({ methods: told }: Report): Html {
  return html`<section>
    <h2>How this was computed</h2>
    <ul>
      ${told.map((text) => html`<li>${text}</li>`)}
    </ul>
  </section>`
}

function number(value: number): string {
  return value.toLocaleString('en-US')
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`
}
