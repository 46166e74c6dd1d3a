// Synthetic applications that look like the real ones: each feature has its real quantiles and
// share of nulls, and each pair its real rank correlation, through a Gaussian copula. The figures
// come from models/figures.py, which says how to draw; no row of the data is in them.

import type { Application, Value } from './application.ts'
import defaultFigures from './figures.json' with { type: 'json' }
import { uuid } from './identity.ts'
import { cholesky, normalCdf } from './normal.ts'
import { type FeatureFigures, Quantiles } from './quantiles.ts'
import { Random } from './random.ts'

export type Figures = {
  /** Share of each region. */
  regions: Readonly<Record<string, number>>
  percents: readonly number[]
  features: readonly FeatureFigures[]
  /** Of the copula, in the order of the features. */
  correlation: readonly (readonly number[])[]
}

export const FIGURES = defaultFigures as Figures

/** Fields that cannot be above another. A copula does not know such rules. */
const PARTS: readonly (readonly [part: string, whole: string])[] = [
  ['open_accounts', 'total_accounts'],
  ['bankruptcies', 'public_records'],
]

export class Generator {
  private readonly random: Random
  private readonly names: readonly string[]
  private readonly features: readonly Quantiles[]
  /** Rows of the lower Cholesky factor, one after another. */
  private readonly factor: Float64Array
  private readonly normals: Float64Array
  private readonly regions: readonly string[]
  private readonly regionEnds: Float64Array
  private readonly idBytes = new Uint8Array(16)

  /** @param seed  whole number from 0; the same seed gives the same applications, ids included */
  constructor(seed: number, figures: Figures = FIGURES) {
    this.random = new Random(seed)
    this.names = figures.features.map((feature) => feature.name)
    this.features = figures.features.map((feature) => new Quantiles(figures.percents, feature))
    this.factor = Float64Array.from(cholesky(figures.correlation).flatMap((row) => [...row]))
    this.normals = new Float64Array(figures.features.length)
    this.regions = Object.keys(figures.regions)
    let end = 0
    this.regionEnds = Float64Array.from(Object.values(figures.regions), (share) => (end += share))
  }

  /** @param submittedAt  µs since 1970 */
  next(submittedAt: number = Date.now() * 1000): Application {
    const application: Application = {
      application_id: this.id(),
      submitted_at: submittedAt,
      region: this.region(),
    }
    const { normals, factor, features, names } = this
    for (let i = 0; i < normals.length; i++) normals[i] = this.random.normal()
    let at = 0
    for (let i = 0; i < normals.length; i++) {
      const u = normalCdf(innerProduct(factor, at, normals, i + 1))
      application[names[i]!] = features[i]!.at(u)
      at += i + 1
    }
    for (const [part, whole] of PARTS) {
      application[part] = atMost(application[part]!, application[whole]!)
    }
    return application
  }

  private id(): string {
    for (let i = 0; i < 16; i += 4) {
      const word = this.random.uint32()
      this.idBytes[i] = word
      this.idBytes[i + 1] = word >>> 8
      this.idBytes[i + 2] = word >>> 16
      this.idBytes[i + 3] = word >>> 24
    }
    return uuid(this.idBytes, 4)
  }

  private region(): string {
    const u = this.random.uniform()
    const last = this.regions.length - 1
    let i = 0
    // Shares are rounded: the last region takes what their sum lacks.
    while (i < last && u >= this.regionEnds[i]!) i++
    return this.regions[i]!
  }
}

function innerProduct(a: Float64Array, at: number, b: Float64Array, length: number): number {
  let sum = 0
  for (let i = 0; i < length; i++) sum += a[at + i]! * b[i]!
  return sum
}

function atMost(part: Value, whole: Value): Value {
  return part !== null && whole !== null && part > whole ? whole : part
}
