// What every step of the set-up is given, and what a step is. Only main.ts reads the environment.

import type { Report } from './report.ts'

export type Context = {
  projectFolder: string
  buildFolder: string
  /** Outlives the clone: what is slow to make is kept there, by version and platform. */
  cacheFolder: string
  /** Environment of the programs that are run. */
  environment: Readonly<Record<string, string | undefined>>
  /** In place of the host that the package names for its prebuilt library; '' never downloads. */
  prebuiltHost: string | undefined
  /** Makes the module and the models again even when nothing changed. */
  forceBuild: boolean
  report: Report
}

export type Step = {
  /** Whether there is nothing to do. Asked at every start of every command, so: quick. */
  isDone: () => boolean
  /** @throws OperatingError with one sentence when it cannot work */
  run: () => Promise<void>
}
