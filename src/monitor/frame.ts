// What a viewer gets each second, as JSON. The page reads these types too.

/** A model, challenger or policy: its name, and its SHA-256 as decisions carry it. */
type Named = { name: string; hash: string }

/** One second: decisions a second by outcome, and latency over the last ten, in seconds. */
export type Tick = {
  atMs: number
  rates: number[]
  /** p50, p99, p99.9; null when nothing was decided. */
  latency: (number | null)[]
  /** Records between position and end over all partitions. */
  lag: number
}

/** Ticks as columns, oldest first. */
export type History = {
  atMs: number[]
  rates: number[][]
  latency: (number | null)[][]
  lag: number[]
}

export type PartitionView = {
  partition: number
  position: number
  committed: number
  lag: number | null
  lagSeconds: number | null
  stage: string
  progressAgoMs: number
  healthy: boolean
}

/** Decisions of one region, by outcome: estimates from the sample. */
export type RegionView = { region: string; outcomes: number[] }

/** A distribution now and in training, by bins. */
export type ScoreView = {
  edges: number[]
  training: number[]
  now: number[]
  psi: number | null
}

export type DriftView = {
  feature: string
  /** Population stability index; null while the sample is too small to tell. */
  psi: number | null
  /** Share of missing values in training, and now. */
  missing: [training: number, now: number]
}

export type DecisionView = {
  atMs: number
  /** Masked for viewers who are not signed in. */
  id: string
  decision: string
  score: number
  probability: number
  region: string | null
  reasons: { code: string; fields: string[] }[]
  partition: number
  offset: number
  model: string
}

export type Frame = {
  tick: Tick
  phase: string
  notReady: string
  model: Named
  policy: Named
  challenger: (Named & { workersOff: number; pairs: number[] }) | null
  /** Since the process started. */
  outcomes: number[]
  reasons: { code: string; count: number }[]
  deadLetters: { class: string; count: number }[]
  partitions: PartitionView[]
  /** Undefined parts of it did not change since the last frame. */
  regions: RegionView[]
  score: ScoreView | null
  drift: DriftView[]
  /** Samples that distributions rest on, older ones counting less. */
  sampled: number
  decisions: DecisionView[]
  viewers: number
  /** Frames that viewers were too slow for, since the process started. */
  droppedFrames: number
}

/** What comes first, and after each reconnect. */
export type Hello = {
  version: { program: string; librdkafka: string }
  startedAtMs: number
  outcomes: readonly string[]
  signedIn: boolean
  canSignIn: boolean
  history: History
  /** The last decisions, newest first. */
  decisions: DecisionView[]
}
