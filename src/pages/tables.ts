// The tables of the monitor page, each from its part of a frame.

import type { DriftView, Frame, PartitionView, RegionView } from '../monitor/frame.ts'
import { OUTCOMES } from './charts.ts'
import { element, number, setText, showRows } from './dom.ts'
import { count, percent, seconds, words } from './format.ts'
import { showLatestLetters } from './letters.ts'

export function showPartitions(partitions: readonly PartitionView[]): void {
  showRows(
    'partitions',
    partitions.map((p) => ({
      state: p.healthy ? undefined : 'bad',
      cells: [
        { text: String(p.partition), head: true, class: 'number' },
        { text: p.healthy ? p.stage : `${p.stage}, hangs ${seconds(p.progressAgoMs / 1000)}` },
        number(p.lag === null ? '–' : count(p.lag)),
        number(p.lagSeconds === null ? '–' : p.lagSeconds === 0 ? '0 s' : seconds(p.lagSeconds)),
        number(p.committed < 0 ? '–' : p.committed.toLocaleString('en-US')),
      ],
    })),
  )
  const stuck = partitions.filter(({ healthy }) => !healthy).length
  const said = stuck > 0 ? `${stuck} without progress` : 'all progress'
  setText('partitions-note', partitions.length === 0 ? 'none assigned' : said)
}

export function showRegions(regions: readonly RegionView[], chosen: string): void {
  const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0)
  const all = Math.max(1, sum(regions.map(({ outcomes }) => sum(outcomes))))
  showRows(
    'regions',
    regions.map(({ region, outcomes }) => {
      const approved = outcomes[0]! / Math.max(Number.MIN_VALUE, sum(outcomes))
      return {
        state: region === chosen ? 'chosen' : undefined,
        cells: [
          { text: region, head: true },
          number(percent(approved)),
          { text: '', class: 'barred', fill: approved },
          number(percent(sum(outcomes) / all)),
        ],
      }
    }),
  )
}

/** Customary bounds: below 0.1 stable, above 0.25 to be looked into. */
function verdict(psi: number | null): string {
  if (psi === null) return 'too few samples'
  if (psi < 0.1) return 'stable'
  return psi < 0.25 ? 'shifts' : 'drifts'
}

export function showDrift(drift: readonly DriftView[]): void {
  const sorted = [...drift].sort((a, b) => (b.psi ?? 0) - (a.psi ?? 0))
  showRows(
    'drift',
    sorted.map(({ feature, psi, missing }) => ({
      state: psi !== null && psi >= 0.25 ? 'bad' : undefined,
      cells: [
        { text: feature, head: true },
        number(psi === null ? '–' : psi.toFixed(3)),
        { text: verdict(psi) },
        number(percent(missing[1])),
      ],
    })),
  )
}

export function showReasons(reasons: Frame['reasons']): void {
  const most = Math.max(1, ...reasons.map((reason) => reason.count))
  const sorted = [...reasons].sort((a, b) => b.count - a.count)
  showRows(
    'reasons',
    sorted.map((reason) => ({
      cells: [
        { text: words(reason.code), head: true, class: 'wrap' },
        number(count(reason.count)),
        { text: '', class: 'barred', fill: reason.count / most },
      ],
    })),
  )
}

export function showLetters(letters: Frame['deadLetters']): void {
  const sorted = [...letters].sort((a, b) => b.count - a.count)
  showRows(
    'letters',
    sorted.map((letter) => ({
      cells: [
        { text: letter.class, head: true, press: showLatestLetters },
        number(count(letter.count)),
      ],
    })),
  )
  setText('letters-note', letters.length === 0 ? 'None since the start.' : '')
}

/** Model and challenger side by side: the diagonal is agreement, the rest the swap set. */
export function showPairs(challenger: Frame['challenger']): void {
  element('pairs').hidden = challenger === null
  if (!challenger) {
    setText('challenger-note', '')
    setText('pairs-note', 'No challenger decides beside the model.')
    return
  }
  const { pairs, name, hash, workersOff } = challenger
  setText('challenger-note', `${name} ${hash.slice(0, 8)}`)
  const all = pairs.reduce((a, b) => a + b, 0)
  const pair = (own: number, other: number) => pairs[own * OUTCOMES.length + other]!
  showRows(
    'pair-rows',
    OUTCOMES.map((outcome, i) => ({
      cells: [
        { text: outcome, head: true, outcome },
        ...OUTCOMES.map((_, j) => number(all > 0 ? percent(pair(i, j) / all) : '–')),
      ],
    })),
  )
  const agreed = OUTCOMES.reduce((sum, _, i) => sum + pair(i, i), 0)
  const swap = (into: number, out: number) => count(into) + ' in, ' + count(out) + ' out'
  const gained = pair(1, 0) + pair(2, 0)
  const lost = pair(0, 1) + pair(0, 2)
  const off = workersOff > 0 ? `; off on ${workersOff} workers` : ''
  const text = `agreement ${percent(agreed / Math.max(1, all))} of ${count(all)}`
  setText('pairs-note', `${text}; swap set of approvals: ${swap(gained, lost)}${off}`)
}
