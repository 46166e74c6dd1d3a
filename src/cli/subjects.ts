// Under which subject of a schema registry each record's schemas are.

import type { Settings } from '../config.ts'
import { subjectOf } from '../registry/options.ts'
import { APPLICATION, DECISION } from '../schemas/records.ts'

/** By record, in order. */
export function subjectsOf(settings: Settings): Map<string, string> {
  return new Map([
    [APPLICATION, subjectOf(settings['topic.applications'])],
    [DECISION, subjectOf(settings['topic.decisions'])],
  ])
}
