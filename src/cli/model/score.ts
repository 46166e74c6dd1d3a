// `model score`: rows of a file to one score a line, in the file's order.

import { RowScorer } from '../../scorer/row-scorer.ts'
import type { ArtefactManifest } from '../../scorer/artefact.ts'
import { numberText } from '../numbers.ts'
import { startProgress } from '../progress.ts'
import type { Output } from '../output.ts'
import { loadModel } from './load.ts'
import { BATCH_ROWS, featureColumns, readRows } from './rows.ts'

export type ScoreOptions = { model: string; manifest?: string; input: string; raw: boolean }

export async function score(options: ScoreOptions, output: Output): Promise<number> {
  const { artefact, module } = loadModel(options.model, options.manifest)
  const { manifest } = artefact
  const scorer = new RowScorer(module, artefact, BATCH_ROWS)
  const transform = options.raw ? (margin: number) => margin : predictionOf(manifest)
  const progress = startProgress('scored', 0)
  let rows = 0
  try {
    const selection = featureColumns(manifest.features)
    for await (const { count, values } of readRows(options.input, [selection])) {
      const margins = scorer.score(values[0]!, count)
      let text = ''
      for (const margin of margins) text += `${numberText(transform(margin))}\n`
      output.print(text)
      // Whoever reads the scores has seen enough, or they are lost.
      if (output.isEnded) break
      rows += count
      progress.update(rows)
    }
  } finally {
    progress.stop()
  }
  return 0
}

/**
 * From the raw score to the probability; of a regression the raw score is the prediction. The
 * host's exp is not WebAssembly's: one in some thousands differs from a decision's in the last bit.
 */
export function predictionOf({ score }: ArtefactManifest): (margin: number) => number {
  if (score.transform === 'identity') return (margin) => margin
  return (margin) => 1 / (1 + Math.exp(-score.sigmoid * margin))
}
