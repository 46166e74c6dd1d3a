// What does a challenger cost? The whole path, decode to encode, of a batch, and of the same batch
// decided by a second model of the same size in the same pass. Expected: what the first model costs
// without decoding, as the rows are decoded once.

import { MODULE_PATH } from '../../src/paths.ts'
import { withChallenger } from '../../src/scorer/challenger.ts'
import { loadModule } from '../../src/scorer/module.ts'
import { makeProgram } from '../../src/scorer/program.ts'
import { warmUp } from '../../src/scorer/warm-up.ts'
import { type Bench, check, figure, fnv1a, leastInTurns } from '../bench.ts'
import { BATCH_RECORDS, benchParts, encodedApplications, engineWith } from '../support/engine.ts'

const CALLS = 20

export const bench: Bench = {
  question: 'challenger: an application with a second model beside the first, µs each',
  run(size) {
    const { parts, artefact } = benchParts()
    const program = withChallenger(makeProgram(parts, artefact), artefact)
    const engine = engineWith(program, encodedApplications(BATCH_RECORDS, program))
    warmUp(loadModule(MODULE_PATH), program)
    engine.decide(BATCH_RECORDS)
    engine.challenge(BATCH_RECORDS)
    const { marginsAt } = engine.challenger!.outputs
    const margins = (at: number) => engine.u8.slice(at, at + BATCH_RECORDS * 8)
    const due = margins(engine.marginsAt)
    check(Buffer.compare(margins(marginsAt), due) === 0, 'the same model scores differently')
    const off = () => engine.decide(BATCH_RECORDS)
    const on = () => {
      engine.decide(BATCH_RECORDS)
      engine.challenge(BATCH_RECORDS)
    }
    const least = leastInTurns(size, [
      { calls: CALLS, call: off },
      { calls: CALLS, call: on },
    ])
    const [without, beside] = least.map((ns) => ns / BATCH_RECORDS / 1000) as [number, number]
    const figures = [
      figure('off', without, 'µs'),
      figure('on', beside, 'µs'),
      figure('on over off', beside / without, ''),
    ]
    return Promise.resolve({ figures, checksum: String(fnv1a(due)) })
  },
}
