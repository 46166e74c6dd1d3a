// How the applications decided lately differ from those of the training, and by region: estimates
// from the sample, newer ones counting more.

import { OUTCOMES } from '../metrics/counters.ts'
import { loadArtefact } from '../scorer/artefact.ts'
import type { Training } from '../scorer/training.ts'
import type { DriftView, RegionView, ScoreView } from './frame.ts'
import { DecayingHistogram, decay, populationStability } from './histogram.ts'
import type { ReadSample } from './sample-reader.ts'

/** Below so many samples an index says more of chance than of drift. */
const SAMPLES_MIN = 200
/** Regions that are kept apart; a field with more values is none to compare. */
const REGIONS_MAX = 64

export class Distributions {
  private readonly training: Training | undefined
  /** Of the model that the samples must be of. */
  readonly model: string
  private readonly score: DecayingHistogram | undefined
  private readonly features: DecayingHistogram[]
  private readonly regions = new Map<string, number[]>()
  /** Sums of weights, and of their squares. */
  private readonly sums = [0, 0]

  /** @param model  the one in use, and where it lies: figures of another are not compared with */
  constructor(model: { hash: string; path: string }) {
    const training = trainingOf(model)
    this.model = model.hash
    this.training = training
    this.score = training && new DecayingHistogram(training.score.edges)
    this.features = (training?.features ?? []).map(({ edges }) => new DecayingHistogram(edges))
  }

  add(sample: ReadSample): void {
    const { view, weight, outcome } = sample
    const region = view.region === null ? undefined : this.region(view.region)
    if (region) region[outcome]! += weight
    if (view.model !== this.model) return
    this.sums[0]! += weight
    this.sums[1]! += weight ** 2
    this.score?.add(sample.margin, weight)
    // The model's features are the first columns of a row.
    for (const [i, histogram] of this.features.entries()) histogram.add(sample.row[i]!, weight)
  }

  private region(name: string): number[] | undefined {
    const known = this.regions.get(name)
    if (known || this.regions.size >= REGIONS_MAX) return known
    const outcomes = OUTCOMES.map(() => 0)
    this.regions.set(name, outcomes)
    return outcomes
  }

  /** Once a second. */
  decay(): void {
    decay(this.sums)
    this.score?.decay()
    for (const histogram of this.features) histogram.decay()
    for (const outcomes of this.regions.values()) decay(outcomes)
  }

  /** Samples of equal weight that would tell as much (Kish's effective sample size). */
  get sampled(): number {
    const [sum, squares] = this.sums as [number, number]
    return squares > 0 ? sum ** 2 / squares : 0
  }

  regionViews(): RegionView[] {
    return [...this.regions]
      .map(([region, outcomes]) => ({ region, outcomes: [...outcomes] }))
      .sort((a, b) => a.region.localeCompare(b.region, 'en', { numeric: true }))
  }

  scoreView(): ScoreView | null {
    const { score, training } = this
    if (!score || !training) return null
    const now = score.shares()
    return {
      edges: training.score.edges,
      training: training.score.shares,
      now: now.slice(0, -1),
      psi: this.isEnough ? populationStability(training.score, now) : null,
    }
  }

  driftViews(): DriftView[] {
    return (this.training?.features ?? []).map((feature, i) => {
      const now = this.features[i]!.shares()
      return {
        feature: feature.name,
        psi: this.isEnough ? populationStability(feature, now) : null,
        missing: [feature.missing, now.at(-1)!],
      }
    })
  }

  private get isEnough(): boolean {
    return this.sampled >= SAMPLES_MIN
  }
}

/** Undefined where there are none, or another artefact has come into the folder. */
function trainingOf({ hash, path }: { hash: string; path: string }): Training | undefined {
  try {
    const { modelHash, training } = loadArtefact(path)
    return modelHash.toHex() === hash ? training : undefined
  } catch {
    return undefined
  }
}
