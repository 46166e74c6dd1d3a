import { expect, test } from 'bun:test'
import fc from 'fast-check'
import { LINE_LENGTH_MAX, type Line, LineSplitter } from '../../src/applications/lines.ts'
import { runs } from '../support/engine.ts'

function split(chunks: readonly Uint8Array[]): Line[] {
  const splitter = new LineSplitter()
  return [...chunks.flatMap((chunk) => splitter.push(chunk)), ...splitter.end()]
}

/** Pieces of the bytes, cut at the places given. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const ends = [...places.map((p) => p % (bytes.length + 1)), bytes.length].toSorted(
    (a, b) => a - b,
  )
  return ends.map((end, i) => bytes.subarray(ends[i - 1] ?? 0, end))
}

test('wherever the chunks end, the lines are the same', () => {
  const text = fc
    .string({ unit: 'grapheme' })
    .filter((s) => !/[\r\n]/.test(s) && !s.startsWith('\uFEFF'))
  const lines = fc.array(text, { minLength: 1 })
  const property = fc.property(lines, fc.array(fc.nat()), (written, places) => {
    const bytes = Buffer.from(written.map((line) => `${line}\n`).join(''))
    const expected = written.map((line, i) => ({ number: i + 1, text: line }))
    expect(split(cut(bytes, places))).toEqual(expected)
  })
  fc.assert(property, runs(300))
})

test('wherever the chunks end, any bytes give the same lines', () => {
  const bytes = fc.uint8Array({ maxLength: 60 }).map((b) => b.map((x) => (x % 5 === 0 ? 10 : x)))
  const property = fc.property(bytes, fc.array(fc.nat()), (content, places) => {
    expect(split(cut(content, places))).toEqual(split([content]))
  })
  fc.assert(property, runs(300))
})

test('a line that is too long is refused and costs no memory', () => {
  const splitter = new LineSplitter()
  const chunk = Buffer.alloc(1 << 20, 'x')
  for (let i = 0; i < 1000; i++) expect(splitter.push(chunk)).toEqual([])
  const [long, next] = splitter.push(Buffer.from('end\nnext\n'))
  expect(long).toEqual({ number: 1, problem: `has more than ${LINE_LENGTH_MAX} characters` })
  expect(next).toEqual({ number: 2, text: 'next' })
})

test('a line of the greatest length is read', () => {
  const text = 'ü'.repeat(LINE_LENGTH_MAX)
  expect(split([Buffer.from(`${text}\nx`)])).toEqual([
    { number: 1, text },
    { number: 2, text: 'x' },
  ])
})
