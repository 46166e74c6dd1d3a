// The id that a schema registry has of the decisions' schema, for decisions that start with it.
// Without the id nothing can be decided: a start waits for a registry that does not answer.

import type { SchemaVersion } from './avro/schema-files.ts'
import type { Settings } from './config.ts'
import { OperatingError, usageError } from './errors.ts'
import type { Log } from './log.ts'
import type { ModelHost } from './model-host.ts'
import type { RegistryClient } from './registry/client.ts'
import { subjectOf } from './registry/options.ts'

const PAUSE_FIRST_MS = 250
const PAUSE_MAX_MS = 5000

/** A process that is not ready for as long as it says why. */
type Process = { obstacle: string; readonly phase: string }

/**
 * Registers the schema when that is asked for; else it must be there.
 *
 * @throws OperatingError kind 'usage', code 'registry', when it is not there or refused, or kind
 *   'retriable'
 */
export async function idOfDecisions(
  client: RegistryClient,
  settings: Settings,
  { path, json }: SchemaVersion,
): Promise<number> {
  const subject = subjectOf(settings['topic.decisions'])
  if (settings['schema.registry.register']) return client.register(subject, json)
  const id = await client.idOf(subject, json)
  if (id !== undefined) return id
  const how = 'schema.registry.register has the start register it'
  throw usageError('registry', `the registry has no ${path} under ${subject}; ${how}`)
}

/**
 * Asks once.
 *
 * @returns false when the registry does not answer, which may pass
 * @throws OperatingError kind 'usage'
 */
export async function useDecisionId(
  models: ModelHost,
  idOf: (schema: SchemaVersion) => Promise<number>,
  process: Process,
  log: Log,
): Promise<boolean> {
  try {
    const id = await idOf(models.decisionSchema)
    await models.useDecisionId(id)
    log.info({ id }, "decisions start with the registry's id")
    return true
  } catch (error) {
    if (!(error instanceof OperatingError) || error.kind === 'usage') throw error
    const why = `waiting for the schema registry: ${error.message}`
    if (process.obstacle !== why) log.warn(why)
    process.obstacle = why
    return false
  }
}

/** Asks until there is an answer, or the process stops. */
export async function waitForDecisionId(
  models: ModelHost,
  idOf: (schema: SchemaVersion) => Promise<number>,
  process: Process,
  log: Log,
): Promise<void> {
  for (let pauseMs = PAUSE_FIRST_MS; process.phase === 'starting'; pauseMs *= 2) {
    await Bun.sleep(Math.min(pauseMs, PAUSE_MAX_MS))
    if (process.phase !== 'starting') return
    if (await useDecisionId(models, idOf, process, log)) return
  }
}
