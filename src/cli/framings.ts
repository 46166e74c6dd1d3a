// Records as a worker takes them, for commands that read its topics: single objects, those that
// name a registry's id or GUID, and those without any framing.

import { join } from 'node:path'
import { loadSchemaVersions } from '../avro/schema-files.ts'
import { type SchemaHeader, type SchemaId, schemaHeaderOf } from '../avro/schema-id.ts'
import type { Config } from '../config.ts'
import type { Writers } from '../dlq/decode-attempt.ts'
import { idOfDecisions } from '../decision-id.ts'
import { OperatingError } from '../errors.ts'
import type { RawHeader } from '../rdkafka/record.ts'
import type { RegistryClient } from '../registry/client.ts'
import { SchemaLookup } from '../registry/lookup.ts'
import { clientOf, subjectOf } from '../registry/options.ts'
import type { ProgramSources } from '../replay/archive.ts'
import { type Bring, KnownSchemas } from '../replay/known-schemas.ts'
import { RecordedReader } from '../replay/recorded-fields.ts'
import { partsOf, programFiles } from '../runtime.ts'
import { loadArtefact } from '../scorer/artefact.ts'
import { type Program, type ProgramFiles, makeProgram } from '../scorer/program.ts'
import { DECISION } from '../schemas/records.ts'

/** Which model and policy, in place of the settings'. */
export type Named = { model?: string | undefined; policy?: string | undefined }

export class Framings {
  readonly files: ProgramFiles
  /** What records name by a registry's ids; brought before they are decided. */
  readonly schemas: KnownSchemas
  private readonly config: Config
  private readonly client: RegistryClient | undefined

  constructor(config: Config) {
    this.config = config
    this.files = programFiles(config)
    this.client = clientOf(config.settings)
    this.schemas = new KnownSchemas(this.client && bringOf(this.client, config))
  }

  /** For records that are taken apart for people. */
  writers(): Writers {
    const { applications: versions, raw } = partsOf(this.config, this.files, false)
    const named = this.client && ((id: SchemaId) => this.schemas.get(id))
    return { versions, raw, named }
  }

  /** What a record's headers name its schema by, where a worker looks at them. */
  headerOf(headers: readonly RawHeader[]): SchemaHeader {
    return this.config.settings['schema.registry.headers'] ? schemaHeaderOf(headers) : undefined
  }

  /**
   * The program of the settings, whose decisions start as the worker's do.
   *
   * @throws OperatingError kind 'retriable' when the registry is asked for that and does not answer
   */
  async programOf(named: Named = {}): Promise<() => Program> {
    const { client, config, files } = this
    const own = partsOf(config, files, false).decisionSchema
    // Whatever the worker's start does, to look at records registers nothing.
    const settings = { ...config.settings, 'schema.registry.register': false }
    const isById = client && settings['decisions.framing'] === 'registry'
    const id = isById ? await idOfDecisions(client, settings, own) : undefined
    const { model = files.model, policy = files.policy } = named
    return this.sources({ model, policy }, own, id)
  }

  /** Programs that made decisions. */
  readonly sources: ProgramSources = ({ model, policy }, decisionSchema, decisionId) => {
    const { client, config, files } = this
    const parts = partsOf(config, { ...files, policy }, client !== undefined)
    const artefact = loadArtefact(model)
    return this.schemas.source((known) => {
      const registry = parts.registry && { ...parts.registry, known, decisionId }
      return makeProgram({ ...parts, decisionSchema, registry }, artefact)
    })
  }

  /** What reads decisions of every version, by what they may start with. */
  async recordedReaders(): Promise<RecordedReader[]> {
    const { client, config, files } = this
    const versions = loadSchemaVersions(join(files.schemas, DECISION))
    const readers = versions.map((version) => new RecordedReader(version))
    if (!client) return readers
    const subject = subjectOf(config.settings['topic.decisions'])
    for (const version of versions) {
      const id = await client.idOf(subject, version.json)
      if (id !== undefined) readers.push(new RecordedReader(version, id))
    }
    return readers
  }
}

/** Nobody waits for ever at a terminal. */
function bringOf(client: RegistryClient, { settings }: Config): Bring {
  const lookup = new SchemaLookup(client, settings['schema.registry.unknown.ms'])
  return async (ids) => {
    const deadline = performance.now() + settings['broker.timeout.ms']
    let why = ''
    const { found, unknown } = await lookup.bring(ids, {
      isWanted: () => performance.now() < deadline,
      onDelay: (delay) => {
        why = delay
      },
    })
    if (found.size + unknown.length === ids.length) return found
    throw new OperatingError('retriable', 'registry', why)
  }
}
