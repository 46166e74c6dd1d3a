// How long does decoding take? 25 fields, about 150 bytes, from Avro bytes to a row of doubles.

import { type Bench, check, figure, fnv1a, leastNanoseconds } from '../bench.ts'
import { BATCH_RECORDS, callsFor, filledEngine } from '../support/engine.ts'
import { Generator } from '../../src/applications/generator.ts'

export const bench: Bench = {
  question: 'decode: Avro bytes to a row of doubles, µs a record',
  async run(size) {
    const engine = filledEngine()
    const { columns } = engine.program
    const generator = new Generator(1)
    check(engine.stages.decode(BATCH_RECORDS) === 0, 'every record decodes')
    for (let row = 0; row < BATCH_RECORDS; row++) {
      const application = generator.next(row)
      for (const [column, field] of columns.entries()) {
        const expected = application[field] ?? Number.NaN
        const actual = engine.f64[engine.rowsAt / 8 + row * columns.length + column]
        check(Object.is(actual, expected), `row ${row}, ${field} is ${actual}, not ${expected}`)
      }
    }
    const bytes = columns.length * 8 * BATCH_RECORDS
    const checksum = fnv1a(engine.u8.subarray(engine.rowsAt, engine.rowsAt + bytes))
    const figures = [BATCH_RECORDS, 1].map((n) => {
      const ns = leastNanoseconds(size, callsFor(n), () => engine.stages.decode(n)) / n
      return figure(n === 1 ? 'one record' : `batch of ${n}`, ns / 1000, 'µs')
    })
    return { figures, checksum: String(checksum) }
  },
}
