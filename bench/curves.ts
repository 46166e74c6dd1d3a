// Curves of a long bench, left below build/bench as JSON and as SVG.

import { join } from 'node:path'
import { BUILD } from '../src/paths.ts'
import { renderSvg } from '../src/svg.ts'

const WIDTH = 420
const HEIGHT = 240
const COLOURS = ['#1f6feb', '#d1242f', '#1a7f37', '#8250df']

export type Point = { x: number; y: number; series: string }

export type Curve = {
  /** Also the name of the file. */
  name: string
  x: string
  y: string
  points: Point[]
}

/** @returns the path without its ending, as `.json` and `.svg` were written */
export async function writeCurve(curve: Curve, folder = 'bench'): Promise<string> {
  const path = join(BUILD, folder, curve.name)
  await Bun.write(`${path}.json`, `${JSON.stringify(curve, null, 2)}\n`)
  await Bun.write(`${path}.svg`, await drawCurve(curve))
  return path
}

/** Both axes are logarithmic, as rates and sizes double. */
function drawCurve({ x, y, points }: Curve): Promise<string> {
  const scale = { type: 'log', nice: false, zero: false } as const
  const position = { x: { scale: 'x', field: 'x' }, y: { scale: 'y', field: 'y' } }
  const stroke = { scale: 'series', field: 'series' }
  return renderSvg({
    width: WIDTH,
    height: HEIGHT,
    padding: 8,
    background: 'white',
    data: [{ name: 'points', values: points }],
    scales: [
      { name: 'x', ...scale, range: 'width', domain: { data: 'points', field: 'x' } },
      { name: 'y', ...scale, range: 'height', domain: { data: 'points', field: 'y' } },
      {
        name: 'series',
        type: 'ordinal',
        range: COLOURS,
        domain: { data: 'points', field: 'series' },
      },
    ],
    axes: [
      { orient: 'bottom', scale: 'x', title: x, format: '~s', grid: true },
      { orient: 'left', scale: 'y', title: y, format: '~s', grid: true },
    ],
    legends: [{ stroke: 'series', orient: 'right', symbolType: 'stroke' }],
    marks: [
      {
        type: 'group',
        from: { facet: { name: 'one', data: 'points', groupby: 'series' } },
        marks: [
          {
            type: 'line',
            from: { data: 'one' },
            encode: { update: { ...position, stroke, strokeWidth: { value: 2 } } },
          },
          {
            type: 'symbol',
            from: { data: 'one' },
            encode: { update: { ...position, fill: stroke, size: { value: 30 } } },
          },
        ],
      },
    ],
  })
}
