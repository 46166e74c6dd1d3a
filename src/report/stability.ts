// The score and the features of the decisions against the model's training data.

import { type Application } from '../applications/application.ts'
import { Histogram, populationStability } from '../monitor/histogram.ts'
import type { Artefact } from '../scorer/artefact.ts'
import type { Bins, Training } from '../scorer/training.ts'
import { scaled } from '../scorer/unit-scale.ts'

/** Below so many values an index says more of chance than of drift. */
const VALUES_MIN = 200

export type StabilityView = {
  name: string
  /** Values that were looked at. */
  values: number
  /** Population stability index; null for too few values. */
  psi: number | null
  /** What the index is expected to be when nothing has changed, for so many values. */
  by_chance: number
  edges: number[]
  /** Shares by bin, in training and now; missing values are apart. */
  training: number[]
  now: number[]
  missing: { training: number; now: number }
}

export type StabilityReport = {
  model: string
  name: string
  /** Decisions of this model. */
  decisions: number
  training_rows: number
  score: StabilityView
  /** Null where no applications were given. */
  features: StabilityView[] | null
}

export class Stability {
  /** As decisions name it. */
  readonly model: string
  private readonly artefact: Artefact
  private readonly training: Training
  private readonly score: Histogram
  private readonly features: Histogram[]
  private decisions = 0
  private applications = 0

  constructor(artefact: Artefact, training: Training) {
    this.model = artefact.modelHash.toHex()
    this.artefact = artefact
    this.training = training
    this.score = new Histogram(training.score.edges)
    this.features = training.features.map(({ edges }) => new Histogram(edges))
  }

  addMargin(margin: number): void {
    this.decisions++
    this.score.add(margin)
  }

  addApplication(application: Application): void {
    this.applications++
    for (const [i, feature] of this.artefact.manifest.features.entries()) {
      const value = application[feature.field]
      // As in the model's row: yes is 1, and null is a missing value.
      const number = value === null || value === undefined ? Number.NaN : Number(value)
      this.features[i]!.add(scaled(number, feature))
    }
  }

  /** @param hasApplications  whether any were looked for */
  view(hasApplications: boolean): StabilityReport {
    const { training } = this
    const features = training.features.map((bins, i) =>
      this.viewOf(bins.name, bins, this.features[i]!, this.applications),
    )
    return {
      model: this.model,
      name: this.artefact.manifest.name,
      decisions: this.decisions,
      training_rows: training.rows,
      score: this.viewOf('score (margin)', training.score, this.score, this.decisions),
      features: hasApplications ? features : null,
    }
  }

  private viewOf(name: string, bins: Bins, histogram: Histogram, values: number): StabilityView {
    const now = histogram.shares()
    return {
      name,
      values,
      psi: values < VALUES_MIN ? null : populationStability(bins, now),
      by_chance: expectedByChance(bins, values, this.training.rows),
      edges: bins.edges,
      training: bins.shares,
      now: now.slice(0, -1),
      missing: { training: bins.missing, now: now.at(-1)! },
    }
  }
}

/**
 * Mean of the index when both samples are of one population: over 1/n + 1/m it is distributed as
 * chi-squared with one degree of freedom less than there are bins.
 *
 * Source: B. Yurdakul, Statistical Properties of Population Stability Index (2018).
 */
function expectedByChance({ shares, missing }: Bins, values: number, rows: number): number {
  const bins = [...shares, missing].filter((share) => share > 0).length
  return values === 0 ? 0 : (bins - 1) * (1 / values + 1 / rows)
}
