// How long does a change of model hold applications up? Two models change places 20 times under a
// steady stream on every partition. Expected: less than 30 ms from the request to the last
// partition, and no partition without decisions for longer than without changes, but for a batch.

import { median } from 'simple-statistics'
import { fromRoot } from '../../src/paths.ts'
import { KafkaCluster } from '../../test/support/kafka.ts'
import { type Bench, check, figure } from '../bench.ts'
import { startBroker, startWorker } from '../support/broker.ts'
import { MODEL_FOLDER } from '../support/engine.ts'
import { Stream } from '../support/stream.ts'

const PARTITIONS = 4
/** With more the broker alone keeps both cores busy, and a change waits for one. */
const EVERY_MS = 10
/** The broker compiles itself at first, which takes a core. */
const WARM_MS = 10_000
const TOKEN = 'bench'
const REST_MS = 100

export const bench: Bench = {
  question: 'model-swap: how long a change of model takes, and holds decisions up, ms',
  load: 'open loop',
  unavailable: () => KafkaCluster.unavailable(),
  async run(size) {
    await using cluster = await startBroker(PARTITIONS)
    const more = { 'http.token': TOKEN, delivery: 'at-least-once' }
    await using worker = startWorker(cluster, 'bench', more)
    using stream = new Stream(cluster, PARTITIONS, EVERY_MS)
    let served = false
    const starting = worker.reaches('loan_records_total', 1000).then(() => (served = true))
    await Promise.all([starting, stream.watch(() => served)])
    const swaps = size === 'small' ? 2 : 20
    if (size === 'large') await stream.during(() => Bun.sleep(WARM_MS))
    const quiet = await stream.during(() => Bun.sleep(swaps * REST_MS))
    const tookMs: number[] = []
    const swapping = await stream.during(async () => {
      const url = `${await worker.url()}/model`
      for (let i = 0; i < swaps; i++) {
        await Bun.sleep(REST_MS)
        const path = i % 2 === 0 ? fromRoot('build/models/default') : MODEL_FOLDER
        const headers = { Authorization: `Bearer ${TOKEN}`, 'Content-Type': 'application/json' }
        const sentMs = performance.now()
        const body = JSON.stringify({ path })
        const answer = await fetch(url, { method: 'POST', headers, body })
        check(answer.ok, `change ${i} is made`)
        tookMs.push(performance.now() - sentMs)
      }
    })
    stream.flush()
    await worker.reaches('loan_records_total', stream.sent)
    check((await worker.metric('loan_model_changes_total')) === swaps, 'all changes are counted')
    const decided = await worker.metric('loan_decisions_total')
    check(decided === stream.sent, `${decided} decisions for ${stream.sent} applications`)
    check((await worker.stop()) === 0, 'the worker stops in order')
    // The worker's own figure: the client's includes what else this process does.
    const ownMs = [...worker.log.matchAll(/"ms":(\d+),"msg":"model changed"/g)].map((m) =>
      Number(m[1]),
    )
    check(ownMs.length === swaps, 'all changes are logged')
    return {
      figures: [
        figure('a change, median', median(ownMs), 'ms'),
        figure('the longest change', Math.max(...ownMs), 'ms'),
        figure('the request, median', median(tookMs), 'ms'),
        figure('longest without a decision, no changes', Math.max(...quiet.longest), 'ms'),
        figure('longest without a decision, changes', Math.max(...swapping.longest), 'ms'),
      ],
      checksum: `${swaps} changes`,
    }
  },
}
