// The monitor page: takes a frame a second from /events and shows it. Nothing is asked of the
// worker but the stream.

import type { Frame, Hello } from '../monitor/frame.ts'
import { LatencyChart, RateChart, ScoreChart } from './charts.ts'
import { element, setText } from './dom.ts'
import { count, percent, rate, seconds } from './format.ts'
import { DecisionList } from './decision-list.ts'
import { setUpLetters } from './letters.ts'
import { setUpSession } from './session.ts'
import {
  showDrift,
  showLetters,
  showPairs,
  showPartitions,
  showReasons,
  showRegions,
} from './tables.ts'
import { setUpTheme } from './theme-button.ts'

/** Ticks of the approval rate in the figures. */
const MINUTE = 60
/** Seconds that the rate in the figures is the mean of. */
const RATE_S = 5
/** A stream that says nothing for so long is as good as gone. */
const SILENCE_MS = 5000

const rates = new RateChart(element('rates'))
const latencies = new LatencyChart(element('latencies'))
const scores = new ScoreChart(element('scores'))
const decisions = new DecisionList()
const lastMinute: number[][] = []
let paused = false
let heardAtMs = Date.now()

function connect(): void {
  const events = new EventSource('/events')
  events.addEventListener('hello', ({ data }) => hello(JSON.parse(data) as Hello))
  events.addEventListener('frame', ({ data }) => take(JSON.parse(data) as Frame))
  events.addEventListener('error', () => {
    showStatus('bad', 'not connected, trying again')
    // A worker that was asked too much, or is not there, closes the stream for good.
    if (events.readyState !== EventSource.CLOSED) return
    events.close()
    setTimeout(connect, 2000)
  })
}

function showStatus(state: string, text: string): void {
  element('status').dataset['state'] = state
  setText('status', text)
}

function hello({ version, startedAtMs, signedIn, canSignIn, history, decisions: last }: Hello) {
  heardAtMs = Date.now()
  showStatus('waiting', 'connected')
  rates.setHistory(history)
  latencies.setHistory(history)
  lastMinute.length = 0
  for (const [i] of history.atMs.slice(-MINUTE).entries()) {
    lastMinute.push(history.rates.map((line) => line.slice(-MINUTE)[i]!))
  }
  decisions.reset(last)
  setUpSession(signedIn, canSignIn)
  setUpLetters(signedIn)
  const since = new Date(startedAtMs).toLocaleString('en-GB')
  const { program, librdkafka } = version
  setText('foot', `loanstream ${program}, librdkafka ${librdkafka}, up since ${since}`)
}

function take(frame: Frame): void {
  heardAtMs = Date.now()
  const { tick } = frame
  rates.addTick(tick)
  latencies.addTick(tick)
  lastMinute.push(tick.rates)
  if (lastMinute.length > MINUTE) lastMinute.shift()
  if (paused) {
    decisions.hold(frame.decisions)
    return
  }
  show(frame)
}

function show(frame: Frame): void {
  showHealth(frame)
  showFigures(frame)
  rates.draw()
  latencies.draw()
  showPartitions(frame.partitions)
  showRegions(frame.regions, decisions.region)
  decisions.offerRegions(frame.regions.map(({ region }) => region))
  showReasons(frame.reasons)
  showLetters(frame.deadLetters)
  showPairs(frame.challenger)
  showDistributions(frame)
  decisions.add(frame.decisions)
}

function showHealth(frame: Frame): void {
  const stuck = frame.partitions.filter(({ healthy }) => !healthy)
  const stages = stuck.map(({ partition, stage }) => `${partition} in ${stage}`).join(', ')
  if (stuck.length > 0) showStatus('bad', `no progress: partition ${stages}`)
  else if (frame.notReady !== '') showStatus('waiting', frame.notReady)
  else showStatus('ok', frame.phase)
  const short = ({ name, hash }: { name: string; hash: string }) => `${name} ${hash.slice(0, 8)}`
  setText('versions', `model ${short(frame.model)} · policy ${short(frame.policy)}`)
}

function showFigures(frame: Frame): void {
  const { tick, partitions } = frame
  const sum = (numbers: readonly number[]) => numbers.reduce((a, b) => a + b, 0)
  const decided = sum(frame.outcomes)
  const lately = lastMinute.slice(-RATE_S)
  setText('rate', rate(sum(lately.map(sum)) / Math.max(1, lately.length)))
  setText('decided', `${count(decided)} since the start`)
  const minute = sum(lastMinute.map(sum))
  const approved = sum(lastMinute.map(([first]) => first!))
  setText('approved', minute > 0 ? percent(approved / minute) : '–')
  const [all] = frame.outcomes
  setText('approved-note', decided > 0 ? `${percent(all! / decided)} since the start` : '')
  const [p50, p99, p999] = tick.latency
  setText('latency', seconds(p99!))
  setText('latency-note', p50 === null ? '' : `p50 ${seconds(p50!)}, p99.9 ${seconds(p999!)}`)
  setText('lag', partitions.length > 0 ? count(tick.lag) : '–')
  const behind = Math.max(0, ...partitions.map(({ lagSeconds }) => lagSeconds ?? 0))
  const plural = partitions.length === 1 ? 'partition' : 'partitions'
  const late = behind > 0 ? `, ${seconds(behind)} behind` : ''
  setText('lag-note', `${partitions.length} ${plural}${late}`)
  const dead = sum(frame.deadLetters.map((letters) => letters.count))
  setText('dead', count(dead))
  setText('dead-note', dead > 0 ? `${percent(dead / (dead + decided), 2)} of all records` : '')
  const { viewers, droppedFrames } = frame
  const watching = viewers === 1 ? '1 viewer' : `${viewers} viewers`
  setText('latest-note', `${watching}; ${count(droppedFrames)} frames dropped for slow ones`)
}

function showDistributions({ score, drift, sampled }: Frame): void {
  showDrift(drift)
  if (drift.length === 0) setText('drift-note', 'the model came without training figures')
  else setText('drift-note', `against training, ${count(sampled)} samples, half-life 5 min`)
  if (!score) {
    setText('score-note', 'the model came without training figures')
    return
  }
  scores.show(score)
  const index = score.psi === null ? '' : `, index ${score.psi.toFixed(3)}`
  setText('score-note', `probability of default, now and in training${index}`)
}

function setUpControls(): void {
  const pause = element<HTMLButtonElement>('pause')
  pause.addEventListener('click', () => {
    paused = !paused
    pause.setAttribute('aria-pressed', String(paused))
    pause.textContent = paused ? 'Go on' : 'Pause'
    if (!paused) decisions.release()
  })
  element('filters').addEventListener('input', () => {
    decisions.filter()
    rates.showOutcomes(decisions.outcomes)
  })
  element('filters').addEventListener('submit', (event) => event.preventDefault())
  setUpTheme(() => [rates, latencies, scores].forEach((chart) => chart.redraw()))
  setInterval(() => {
    if (Date.now() - heardAtMs > SILENCE_MS) showStatus('bad', 'nothing heard from the worker')
  }, 1000)
}

setUpControls()
connect()
