// Drawing a feature's value from its quantiles, as models/figures.py describes it.

export type FeatureFigures = {
  name: string
  integer: boolean
  /** Values are multiples of it. */
  step: number
  /** Share of nulls, and at which end of the ranking they stand. */
  missing: number
  missing_at: 'low' | 'high' | null
  /** One a percent of the figures' list. */
  quantiles: readonly number[]
}

/** Cells a percent: the smallest distance between two percents, apart from the last few. */
const CELLS_PER_PERCENT = 2

export class Quantiles {
  private readonly percents: Float64Array
  private readonly quantiles: Float64Array
  /** Of each cell of the percents, the last of them at or below the cell's start. */
  private readonly starts: Uint8Array
  private readonly step: number
  private readonly missing: number
  private readonly missingLow: boolean

  constructor(percents: readonly number[], feature: FeatureFigures) {
    this.percents = Float64Array.from(percents)
    this.quantiles = Float64Array.from(feature.quantiles)
    this.starts = Uint8Array.from({ length: 100 * CELLS_PER_PERCENT + 1 }, (_, cell) => {
      const start = cell / CELLS_PER_PERCENT
      return Math.min(
        percents.findLastIndex((percent) => percent <= start),
        percents.length - 2,
      )
    })
    this.step = feature.step
    this.missing = feature.missing
    this.missingLow = feature.missing_at === 'low'
  }

  /** The value at u, from 0 to 1; null at the end where the nulls stand. */
  at(u: number): number | null {
    const stretched = (this.missingLow ? u - this.missing : u) / (1 - this.missing)
    if (this.missing > 0 && (this.missingLow ? stretched < 0 : stretched >= 1)) return null
    const percent = 100 * stretched
    let i = this.starts[(percent * CELLS_PER_PERCENT) | 0]!
    const last = this.percents.length - 2
    while (i < last && this.percents[i + 1]! <= percent) i++
    const low = this.percents[i]!
    const share = (percent - low) / (this.percents[i + 1]! - low)
    const value = this.quantiles[i]! + share * (this.quantiles[i + 1]! - this.quantiles[i]!)
    // Steps are 0.01 or longer; the second rounding takes away what 0.1 and 0.01 leave behind.
    return Math.round(Math.floor(value / this.step + 0.5) * this.step * 100) / 100
  }
}
