// `bun bench scale [AXIS …]`: throughput, CPU and memory over partitions, processes, size of the
// model and of the records, length of a transaction and size of a batch. Exactly-once on a real
// broker, closed loop; a broker for each axis, a fresh worker and topics of its own for each point.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { usageError } from '../src/errors.ts'
import { nearest } from '../src/nearest.ts'
import { KafkaCluster } from '../test/support/kafka.ts'
import type { Size } from './bench.ts'
import { writeCurve } from './curves.ts'
import { plainTable } from './report.ts'
import { startBroker } from './support/broker.ts'
import type { Cost } from './support/full-load.ts'
import { AXES, type Axis, type Point } from './support/scale-axes.ts'
import { ScaleRuns } from './support/scale-runs.ts'

const RECORDS = { small: 8000, large: 600_000 }
/** Runs of a point: the one of median CPU counts. */
const RUNS = { small: 1, large: 3 }
/** Runs before an axis that do not count. */
const WARM_UPS = 3
/** Of an axis, to see that it runs. */
const SMALL_POINTS = 2
const CURVES: Readonly<Record<keyof Cost, string>> = {
  rate: 'decisions a second',
  cpu: 'µs of CPU a decision',
  megabytes: 'MB resident at the peak',
}

type Measured = Cost & { x: number; series: string }

/** @throws OperatingError kind 'usage' for an axis that is none */
export async function scale(
  names: readonly string[],
  { size, json }: { size: Size; json: boolean },
): Promise<void> {
  const chosen = names.length > 0 ? names : Object.keys(AXES)
  const axes = chosen.map((name) => [name, axisOf(name)] as const)
  const unavailable = KafkaCluster.unavailable()
  if (unavailable) throw new Error(unavailable)
  const all: Record<string, { points: Measured[]; checksum: number }> = {}
  for (const [name, axis] of axes) {
    const result = await measureAxis(axis, size)
    all[name] = result
    const paths: string[] = []
    for (const figure of Object.keys(CURVES) as (keyof Cost)[]) {
      const points = result.points.map(({ x, series, ...cost }) => ({ x, y: cost[figure], series }))
      const curve = { name: `scale-${name}-${figure}`, x: axis.x, y: CURVES[figure], points }
      paths.push(`${await writeCurve(curve)}.svg`)
    }
    if (!json) process.stdout.write(print(axis, result, paths))
  }
  if (json) process.stdout.write(`${JSON.stringify(all)}\n`)
}

function axisOf(name: string): Axis {
  const axis = AXES[name]
  if (axis) return axis
  const known = Object.keys(AXES)
  const meant = nearest(name, known)
  const others = meant ? `did you mean ${meant}?` : `there are ${known.join(', ')}`
  throw usageError('axis', `there is no axis ${name}: ${others}`)
}

async function measureAxis(axis: Axis, size: Size) {
  const folder = mkdtempSync(join(tmpdir(), 'loanstream-scale-'))
  try {
    await using cluster = await startBroker(1)
    const runs = new ScaleRuns(cluster, RECORDS[size])
    const points: Measured[] = []
    const due: Point[] = axis.points(folder)
    // A broker's first seconds cost more: its code is compiled meanwhile.
    for (let i = 0; size === 'large' && i < WARM_UPS; i++) await runs.measure(due[0]!)
    for (const { x, series, ...way } of size === 'small' ? due.slice(0, SMALL_POINTS) : due) {
      const costs: Cost[] = []
      for (let i = 0; i < RUNS[size]; i++) costs.push(await runs.measure(way))
      const inOrder = costs.toSorted((a, b) => a.cpu - b.cpu)
      points.push({ x, series, ...inOrder[inOrder.length >> 1]! })
    }
    return { points, checksum: runs.checksum }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function print(
  { x }: Axis,
  { points, checksum }: { points: readonly Measured[]; checksum: number },
  paths: readonly string[],
): string {
  const rows = points.map((point) => [
    String(point.x),
    point.series,
    point.rate.toFixed(0),
    point.cpu.toFixed(2),
    point.megabytes.toFixed(0),
  ])
  const table = plainTable([x, '', 'a second', 'CPU, µs', 'MB'], rows)
  const said = `closed loop, exactly-once, checksum ${checksum}`
  return `\n${table}\n  ${said}\n  ${paths.join('\n  ')}\n`
}
