// What is said of one decision. The monitor page reads these types too.

export type FeatureShare = {
  feature: string
  field: string
  /** Null is a missing value. */
  value: number | null
  /** Means over the reference rows; undefined where the model has none. */
  reference?: number | null
  /** Part of the margin above the references' mean. */
  contribution?: number
  /** Code of the reason that it stands for. */
  reason?: string
}

export type ScoreReason = {
  code: string
  statement: string
  hmda: number
  /** Sum of its features' contributions. */
  contribution: number
  /** What the margin would be with its features at the reference. */
  margin_without: number
  /** Whether the decision states it. */
  given: boolean
  /** Whether it would not lower the risk to move its features to the reference. */
  withheld: boolean
}

/** All that is said of a decision beside itself. */
export type Explained = {
  model: { name: string; hash: string }
  policy: { name: string; hash: string; refer_above: number; reject_from: number }
  /** What the score is explained against; undefined for a model without a reference set. */
  reference?: { made_of: string; margin: number }
  /** In the order of their weight; of a model without a reference set in the model's. */
  features: FeatureShare[]
  score_reasons: ScoreReason[]
  /** The policy's reasons that were looked at, with the values they rest on. */
  rules: { code: string; fields: Record<string, number | null>; fired: boolean }[]
}
