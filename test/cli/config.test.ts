// `config`: what it shows is what loadConfig made of file, environment and --set, without secrets;
// its JSON Schema says of a file what loadConfig says. ajv is the schema's oracle.

import { beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { Ajv, type ValidateFunction } from 'ajv'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SETTINGS, loadConfig } from '../../src/config.ts'
import { messageOf } from '../../src/errors.ts'
import { BUILD, ROOT } from '../../src/paths.ts'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import { type Property, describeProperties } from '../../src/rdkafka/properties.ts'
import { parseToml } from '../../src/toml.ts'
import { cli } from '../support/cli.ts'

setDefaultTimeout(30_000)

const folder = mkdtempSync(join(tmpdir(), 'loanstream-config-'))

function fileOf(content: string): string {
  const path = join(folder, `${Bun.hash(content)}.toml`)
  writeFileSync(path, content)
  return path
}

type Values = Record<string, { value: unknown; origin: string }>
type Shown = { settings: Values; clients: Record<'consumer' | 'producer' | 'challenger', Values> }

describe('effective values', () => {
  const SECRETS = ['s3cret-of-the-file', 's3cret-of-sasl', 's3cret-of-the-variable']
  const file = fileOf(`
    http.token.file = "${join(folder, 'token')}"
    sasl.password = "${SECRETS[1]}"
    fetch.wait.max.ms = 70
    consumer.statistics.interval.ms = 500
    producer.client.id = "has-${SECRETS[1]}-in-it"
    [commit]
    interval.ms = 50
  `)
  const environment = {
    LOANSTREAM_SSL_KEY_PASSWORD: SECRETS[2]!,
    LOANSTREAM_STATISTICS_INTERVAL_MS: '700',
    LOANSTREAM_COMMIT_RECORDS: '9',
  }
  const sets = ['--set', 'commit.records=8', '--set', 'metadata.broker.list=127.0.0.1:1']

  beforeAll(() => writeFileSync(join(folder, 'token'), SECRETS[0]!))

  test('are shown with their origin, for settings and for each client', async () => {
    const { code, out } = await cli(['config', '--json', '-c', file, ...sets], environment)
    expect(code).toBe(0)
    const { settings, clients } = JSON.parse(out) as Shown
    expect(Object.keys(settings)).toEqual(Object.keys(SETTINGS))
    expect(settings).toMatchObject({
      'http.port': { value: 8080, origin: 'default' },
      'commit.interval.ms': { value: 50, origin: file },
      'commit.records': { value: 8, origin: '--set' },
      'http.token': { value: '***', origin: file },
      'schema.registry.token': { value: '', origin: 'default' },
    })
    // What came last wins, though the file's was for the consumer alone.
    expect(clients.consumer).toMatchObject({
      'statistics.interval.ms': { value: '700', origin: 'the environment' },
      'fetch.wait.max.ms': { value: '70', origin: file },
      'bootstrap.servers': { value: '127.0.0.1:1', origin: '--set' },
      'sasl.password': { value: '***', origin: file },
      'ssl.key.password': { value: '***', origin: 'the environment' },
      'group.id': { value: 'loanstream', origin: 'loanstream' },
      'enable.auto.commit': { value: 'false', origin: expect.stringContaining('fixed: ') },
    })
    expect(clients.consumer['client.id']).toBeUndefined()
    expect(clients.producer['fetch.wait.max.ms']).toBeUndefined()
    expect(clients.producer).toMatchObject({
      'client.id': { value: 'has-***-in-it', origin: file },
      'linger.ms': { value: '500', origin: 'loanstream' },
      'transactional.id': { origin: expect.stringContaining('fixed: ') },
    })
    expect(clients.challenger['queue.buffering.max.messages']).toEqual({
      value: '100000',
      origin: 'loanstream',
    })
    expect(clients.challenger['transactional.id']).toBeUndefined()
  })

  test.each([['--json'], []])('hold no secret, printed with %p', async (...options) => {
    const args = ['config', ...options, '-c', file, ...sets]
    const { code, out, err } = await cli(args, environment)
    expect(code).toBe(0)
    expect(out).toContain('***')
    for (const secret of SECRETS) expect(out + err).not.toContain(secret)
  })

  test('that librdkafka refuses end with 2, after they were shown', async () => {
    const { code, out, err } = await cli(['config', '--set', 'compression.type=zip'])
    expect(code).toBe(2)
    expect(out).toMatch(/compression\.type +zip +--set/)
    expect(err).toContain('zip')
  })
})

describe('the JSON Schema', () => {
  let validate: ValidateFunction
  let properties: Map<string, Property>

  beforeAll(async () => {
    const { code, out } = await cli(['config', '--schema'])
    expect(code).toBe(0)
    validate = new Ajv({ allErrors: true, strictTypes: false }).compile(JSON.parse(out) as object)
    openLibrary(libraryPath(BUILD))
    properties = describeProperties()
  })

  function schemaComplaint(content: string): string | undefined {
    if (validate(parseToml(content, 'x.toml'))) return undefined
    return validate.errors!.map((e) => `${e.instancePath} ${e.message}`).join()
  }

  function programComplaint(content: string): string | undefined {
    try {
      loadConfig({ file: fileOf(content), environment: {}, sets: [], properties })
      return undefined
    } catch (error) {
      return messageOf(error)
    }
  }

  const readme = readFileSync(join(ROOT, 'README.md'), 'utf8')
  const [, sample] = /```toml\n(# loanstream\.toml\n[\s\S]*?)```/.exec(readme)!

  test.each([
    ["the README's sample", sample!],
    ['nothing', ''],
    ['tables', '[http]\nport = 1\n[producer]\nlinger.ms = 0.5\n[consumer.fetch]\nmin.bytes = 1'],
    [
      'names in quotes',
      '"commit.interval.ms" = 7\ncommit."records" = 3\ntopic."dead.letters" = "x"',
    ],
    [
      'a name that others start with',
      'topic.dead.letters = "x"\ntopic.dead."letters.sent" = "y"\nacks = "all"',
    ],
    ['files of secrets', `sasl.password.file = "${fileOf('x')}"`],
    ['an enum in capitals', 'security.protocol = "SSL"\nacks = -1'],
    ['booleans', 'socket.keepalive.enable = true\ndelivery = "at-least-once"'],
  ])('takes what the program takes: %s', (_, content) => {
    expect(programComplaint(content)).toBeUndefined()
    expect(schemaComplaint(content)).toBeUndefined()
  })

  test.each([
    ['an unknown name', 'http.prot = 1', '/http'],
    ['a name of one level too few', 'commit = 1', '/commit'],
    ['a number out of its range', 'http.port = 70000', '/http/port'],
    ['a number that is none', '[batch]\nrecords = "many"', '/batch/records'],
    ['a value that is none of the enum', 'delivery = "twice"', '/delivery'],
    ['a topic name that is none', 'topic.decisions = "a b"', '/topic/decisions'],
    ['what is reserved', 'enable.auto.commit = true', '/enable'],
    ["the other client's property", 'consumer.linger.ms = 5', '/consumer'],
    ['a list', 'bootstrap.servers = ["a:1"]', '/bootstrap/servers'],
  ])('refuses what the program refuses: %s', (_, content, place) => {
    expect(programComplaint(content)).toBeString()
    expect(schemaComplaint(content)).toContain(place)
  })

  test.each([
    ['a number out of range', 'fetch.min.bytes = -1', '/fetch/min/bytes'],
    ['an unknown enum value', 'producer.compression.type = "zip"', '/producer/compression/type'],
    ['text for a flag', 'socket.keepalive.enable = "perhaps"', '/socket/keepalive/enable'],
  ])("marks librdkafka's own: %s", (_, content, place) => {
    expect(schemaComplaint(content)).toContain(place)
  })

  test('describes every setting and property', () => {
    const { definitions } = validate.schema as {
      definitions: Record<string, { description?: string; $ref?: string }>
    }
    const bare = Object.entries(definitions).filter(([, d]) => !d.description && !d.$ref)
    expect(bare).toEqual([])
    expect(definitions['http.port']).toMatchObject({ default: 8080, maximum: 65_535 })
    expect(definitions['fetch.min.bytes']).toMatchObject({ type: 'integer', minimum: 0 })
    expect(Object.keys(definitions).length).toBeGreaterThan(300)
  })
})
