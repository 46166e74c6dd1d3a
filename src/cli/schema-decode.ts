// `schema decode`: the records of a file as JSON lines, as the worker resolves them.

import { Command, Option } from 'commander'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ContainerReader } from '../applications/container-file.ts'
import { fingerprintOf } from '../avro/fingerprint.ts'
import { Resolver } from '../avro/resolver.ts'
import { loadSchemaVersions, newest } from '../avro/schema-files.ts'
import { type Json, type Schema, parseSchema } from '../avro/schema.ts'
import { type SharedTypes, loadSharedTypes, withSharedTypes } from '../avro/shared-types.ts'
import { valueText } from '../avro/value.ts'
import { OperatingError, messageOf, usageError } from '../errors.ts'
import { readSchemaJson } from '../avro/schema-json.ts'
import { classOf } from '../pipeline/dead-letter.ts'
import type { RegistryClient } from '../registry/client.ts'
import { clientOf } from '../registry/options.ts'
import {
  type Decoded,
  type Framing,
  WantedId,
  decodeAll,
  decodeOne,
  rawFraming,
  registryFraming,
  registryIdFraming,
  singleObjectFraming,
} from '../schemas/framing.ts'
import { recordNames } from '../schemas/records.ts'
import { type ConfigOptions, type Context, configure, withConfigOptions } from './context.ts'
import { configuredFiles } from './files.ts'

const FRAMINGS = ['container', 'single-object', 'registry', 'raw'] as const
type FramingName = (typeof FRAMINGS)[number]

type DecodeOptions = ConfigOptions & {
  input: string
  writer?: string
  reader?: string
  framing?: FramingName
  hex: boolean
}

/** What a container file starts with. */
const CONTAINER_MAGIC = Buffer.from('Obj\x01', 'latin1')
/** Text that is written in one go. */
const CHUNK_CHARACTERS = 1 << 16

export function schemaDecodeCommand(
  run: (action: () => Promise<number>) => void,
  context: Context,
): Command {
  const command = new Command('decode')
    .description('print the records of a file as lines of JSON, as the worker resolves them')
    .requiredOption('-i, --input <file>', 'records; - is standard input')
    .option('-w, --writer <file>', 'schema that they were written with')
    .option('-r, --reader <file>', 'schema to read them as')
    .addOption(new Option('-f, --framing <name>', 'what is around each record').choices(FRAMINGS))
    .option('--hex', 'the input is lines of hexadecimal, a record each', false)
  return withConfigOptions(command)
    .addHelpText('after', EXPLANATION)
    .action((options: DecodeOptions) => run(() => decode(options, context)))
}

const EXPLANATION = `
A record is one line: unions as the value alone, 64-bit integers exact, bytes and fixed as base64,
NaN and infinities as strings. A bad one is {"error": class, "byte": position in the record}.
Behind a bad record the rest is lost, but for --hex and for the next block of a container.

Without --framing: container where the file is one, else single-object.
Without --reader: the newest version of the record in the schema folder, else the writer's.
Without --writer: a container has it, single-object records name one of the schema folder's, and
--framing registry looks ids up where schema.registry.url is set.

Examples:
  bun run schema decode --input applications.avro
  bun run schema decode --input letters.hex --hex
  bun run schema decode --writer old.avsc --reader new.avsc --framing raw --input bodies.bin`

async function decode(options: DecodeOptions, context: Context): Promise<number> {
  const schemas = new Schemas(configuredFiles(options, context).schemas, options.reader)
  const client = clientOf(configure(options, context).config.settings)
  const isContainer = await chooseContainer(options)
  const records = isContainer ? ofContainer(options, schemas) : ofFile(options, schemas, client)
  let text = ''
  for await (const record of records) {
    text += `${lineOf(record)}\n`
    if (text.length < CHUNK_CHARACTERS) continue
    context.output.print(text)
    text = ''
    if (context.output.isEnded) break
  }
  context.output.print(text)
  return 0
}

function lineOf(record: Decoded): string {
  if ('value' in record) return valueText(record.value)
  const { status, byte } = record.fault
  return JSON.stringify({ error: classOf(status), byte })
}

async function chooseContainer({ framing, hex, input }: DecodeOptions): Promise<boolean> {
  if (framing === 'container') {
    if (hex) throw usageError('option', '--hex goes with records, not with a container')
    if (input === '-') throw usageError('option', 'a container is read from a file')
    return true
  }
  if (framing !== undefined || hex || input === '-') return false
  const start = await Bun.file(input)
    .slice(0, CONTAINER_MAGIC.length)
    .bytes()
    .catch((error: unknown) => {
      throw usageError('file', `cannot read ${input}: ${messageOf(error)}`, error)
    })
  return CONTAINER_MAGIC.equals(start)
}

async function* ofContainer(options: DecodeOptions, schemas: Schemas): AsyncGenerator<Decoded> {
  await using file = await ContainerReader.open(options.input)
  const own = parseSchema(file.schemaJson, `${options.input}: the schema`)
  const writer = options.writer === undefined ? own : schemas.load(options.writer)
  const framing = rawFraming(schemas.resolver(writer))
  for await (const { data, count } of file.blocks()) yield* decodeAll(data, framing, count)
}

async function* ofFile(
  options: DecodeOptions,
  schemas: Schemas,
  client: RegistryClient | undefined,
): AsyncGenerator<Decoded> {
  const bytes = await readInput(options.input)
  if (options.framing !== 'registry' || options.writer !== undefined || !client) {
    yield* decodeFile(options, bytes, framingOf(options, schemas))
    return
  }
  const resolvers = new Map<number, Resolver | null | undefined>()
  const framing = registryIdFraming(resolvers)
  let done = 0
  for (;;) {
    try {
      let i = 0
      for (const record of decodeFile(options, bytes, framing)) {
        if (i++ < done) continue
        done++
        yield record
      }
      return
    } catch (error) {
      if (!(error instanceof WantedId)) throw error
      // Asked for when the first record names it; what was told before is passed over then.
      const found = await client.schema(error.id)
      const resolver = 'json' in found ? schemas.registered(found.json, error.id) : undefined
      resolvers.set(error.id, resolver)
    }
  }
}

function* decodeFile(
  options: DecodeOptions,
  bytes: Uint8Array,
  framing: Framing,
): Generator<Decoded, void> {
  if (!options.hex) {
    yield* decodeAll(bytes, framing)
    return
  }
  const lines = new TextDecoder().decode(bytes).split('\n')
  if (lines.at(-1) === '') lines.pop()
  for (const [i, line] of lines.entries()) {
    yield decodeOne(fromHex(line.trim(), `${options.input}: line ${i + 1}`), framing)
  }
}

function framingOf({ framing, writer }: DecodeOptions, schemas: Schemas): Framing {
  const schema = writer === undefined ? undefined : schemas.load(writer)
  if (framing === undefined || framing === 'single-object') return schemas.singleObjects(schema)
  const or = framing === 'registry' ? ' or schema.registry.url' : ''
  if (!schema) throw usageError('option', `--framing ${framing} needs --writer${or}`)
  const resolver = schemas.resolver(schema)
  return framing === 'raw' ? rawFraming(resolver) : registryFraming(resolver)
}

async function readInput(input: string): Promise<Uint8Array> {
  try {
    return input === '-' ? await Bun.stdin.bytes() : readFileSync(input)
  } catch (error) {
    throw usageError('file', `cannot read ${input}: ${messageOf(error)}`, error)
  }
}

function fromHex(text: string, place: string): Uint8Array {
  if (/^([0-9a-f]{2})*$/i.test(text)) return new Uint8Array(Buffer.from(text, 'hex'))
  throw usageError('hex', `${place}: is not hexadecimal, two digits a byte`)
}

/** The schemas at hand, and what reads each. */
class Schemas {
  private readonly folder: string
  private readonly types: SharedTypes
  private readonly reader: Schema | undefined

  constructor(folder: string, readerFile: string | undefined) {
    this.folder = folder
    this.types = loadSharedTypes(folder)
    this.reader = readerFile === undefined ? undefined : this.load(readerFile)
  }

  load(file: string): Schema {
    return parseSchema(withSharedTypes(readSchemaJson(file), this.types), file)
  }

  /** @throws OperatingError kind 'usage', code 'schema_incompatible' */
  resolver(writer: Schema): Resolver {
    return new Resolver(writer, this.reader ?? this.newestOf(writer) ?? writer)
  }

  /** @param extra  a writer that is not in the folder */
  singleObjects(extra: Schema | undefined): Framing {
    const writers = new Map<bigint, Schema>()
    for (const record of recordNames(this.folder)) {
      for (const { fingerprint, schema } of loadSchemaVersions(join(this.folder, record))) {
        writers.set(fingerprint, schema)
      }
    }
    if (extra) writers.set(fingerprintOf(extra), extra)
    const resolvers = new Map<bigint, Resolver | null>()
    return singleObjectFraming((fingerprint) => {
      const known = resolvers.get(fingerprint)
      const writer = writers.get(fingerprint)
      if (known !== undefined || !writer) return known
      const made = this.resolverOrNull(writer)
      resolvers.set(fingerprint, made)
      return made
    })
  }

  /** What reads the records of a registry's schema, or null where nothing does. */
  registered(json: Json, id: number): Resolver | null {
    try {
      return this.resolver(parseSchema(json, `schema ${id} of the registry`))
    } catch (error) {
      if (error instanceof OperatingError) return null
      throw error
    }
  }

  private resolverOrNull(writer: Schema): Resolver | null {
    try {
      return this.resolver(writer)
    } catch (error) {
      if (error instanceof OperatingError) return null
      throw error
    }
  }

  /** The newest version of the record that the writer is a version of. */
  private newestOf(writer: Schema): Schema | undefined {
    if (writer.kind !== 'record') return undefined
    const versions = recordNames(this.folder).map((record) =>
      newest(loadSchemaVersions(join(this.folder, record))),
    )
    return versions.find(({ schema }) => schema.name === writer.name)?.schema
  }
}
