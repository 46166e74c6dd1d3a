// Configuration: which origin wins, how keys may be written, what is refused and in which words,
// and what the two Kafka clients get in the end. Keys are checked against the library that was
// built.

import { afterAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Config, SETTINGS, type SettingName, loadConfig, variableOf } from '../src/config.ts'
import { consumerProperties, producerProperties } from '../src/config/clients.ts'
import { fromRoot } from '../src/paths.ts'
import {
  CONSUMER,
  PRODUCER,
  checkClient,
  checkProperties,
  deliveryProperties,
} from '../src/rdkafka/conf.ts'
import { openLibrary } from '../src/rdkafka/library.ts'
import { describeProperties } from '../src/rdkafka/properties.ts'
import { RegistryClient } from '../src/registry/client.ts'
import { clientOf } from '../src/registry/options.ts'
import { refusal } from './support/engine.ts'

openLibrary(fromRoot('build/librdkafka.so'))
const properties = describeProperties()

const root = mkdtempSync(join(tmpdir(), 'loanstream-config-'))
afterAll(() => rmSync(root, { recursive: true }))

let count = 0
function fileOf(text: string): string {
  const path = join(root, `${count++}.toml`)
  writeFileSync(path, text)
  return path
}

type Origins = { file?: string; environment?: Record<string, string>; sets?: string[] }

/** The configuration from the text of a file, an environment and --set. */
function load({ file = '', environment = {}, sets = [] }: Origins): Config {
  return loadConfig({ file: fileOf(file), environment, sets, properties })
}

function refusalOf(origins: Origins): string {
  const error = refusal(() => load(origins))
  expect(error.kind).toBe('usage')
  return error.message.replaceAll(root, '…').replace(/…\/[0-9]+\.toml/g, 'FILE')
}

describe('our settings', () => {
  test('have their defaults when nothing is set', () => {
    const config = load({})
    for (const [key, { default: value }] of Object.entries(SETTINGS)) {
      expect(config.settings[key as SettingName]).toBe(value)
    }
    expect([config.consumer, config.producer, config.origins.size]).toEqual([{}, {}, 0])
  })

  test('have defaults that they themselves would take, also as text', () => {
    for (const [key, { default: value }] of Object.entries(SETTINGS)) {
      const config = load({ sets: [`${key}=${value}`] })
      expect(config.settings[key as SettingName]).toBe(value)
    }
  })

  test('come from the file, then the environment, then --set', () => {
    const file = 'http.port = 1'
    const environment = { LOANSTREAM_HTTP_PORT: '2' }
    const sets = ['http.port=3']
    const port = (origins: Origins) => load(origins).settings['http.port']
    expect(port({ file })).toBe(1)
    expect(port({ file, environment })).toBe(2)
    expect(port({ file, environment, sets })).toBe(3)
    expect(port({ environment, sets })).toBe(3)
    expect(port({ sets: ['http.port=3', 'http.port=4'] })).toBe(4)
  })

  test('remember where they came from', () => {
    const config = load({
      file: 'http.port = 1\nlog.level = "warn"\ndelivery = "at-least-once"',
      environment: { LOANSTREAM_LOG_LEVEL: 'debug', LOANSTREAM_CLIENT_ID: 'x' },
      sets: ['http.port=3'],
    })
    expect(config.origins.get('http.port')).toBe('--set')
    expect(config.origins.get('log.level')).toBe('the environment')
    expect(config.origins.get('client.id')).toBe('the environment')
    expect(config.origins.get('delivery')).toEndWith('.toml')
    expect(config.origins.has('http.host')).toBeFalse()
  })

  const WAYS: [what: string, file: string][] = [
    ['dotted', 'http.port = 99\nhttp.host = "h"'],
    ['quoted', '"http.port" = 99\n"http.host" = "h"'],
    ['as a table', '[http]\nport = 99\nhost = "h"'],
    ['as an inline table', 'http = { port = 99, host = "h" }'],
    ['numbers as text', 'http.port = "99"\nhttp.host = "h"'],
  ]
  test.each(WAYS)('may be written in the file %s', (_, file) => {
    expect(load({ file }).settings).toMatchObject({ 'http.port': 99, 'http.host': 'h' })
  })

  test('may be nested as deep as their names', () => {
    const file = '[topic.dead]\nletters = "a"\n[topic]\nmin = { insync = { replicas = 7 } }'
    expect(load({ file }).settings).toMatchObject({
      'topic.dead.letters': 'a',
      'topic.min.insync.replicas': 7,
    })
  })

  test('have a variable each, and no two the same', () => {
    const variables = Object.keys(SETTINGS).map(variableOf)
    expect(new Set(variables).size).toBe(variables.length)
    expect(variableOf('commit.interval.ms')).toBe('LOANSTREAM_COMMIT_INTERVAL_MS')
  })

  const BAD: [set: string, message: string][] = [
    ['http.port=', 'http.port is "": Invalid input: expected number, received string'],
    ['http.port=x', 'http.port is "x": Invalid input: expected number, received string'],
    ['http.port= 5', 'http.port is " 5": Invalid input: expected number, received string'],
    ['http.port=5.5', 'http.port is "5.5": Invalid input: expected number, received string'],
    ['http.port=0x50', 'http.port is "0x50": Invalid input: expected number, received string'],
    ['http.port=-1', 'http.port is "-1": Too small: expected number to be >=0'],
    ['http.port=65536', 'http.port is "65536": Too big: expected number to be <=65535'],
    ['batch.records=0', 'batch.records is "0": Too small: expected number to be >=1'],
    ['topic.retention.ms=99999999999999999999', 'topic.retention.ms is "99999999999999999999": '],
    ['topic.applications=a b', 'topic.applications is "a b": must be a valid topic name'],
    ['topic.applications=', 'topic.applications is "": must be a valid topic name'],
    [
      `topic.applications=${'x'.repeat(250)}`,
      `topic.applications is "${'x'.repeat(250)}": must be`,
    ],
    [
      'delivery=exactly',
      'delivery is "exactly": Invalid option: expected one of "exactly-once"|"at-least-once"',
    ],
    [
      'log.level=trace',
      'log.level is "trace": Invalid option: expected one of "debug"|"info"|"warn"|"error"',
    ],
    ['http.host=', 'http.host is "": must be an IP address or a host name'],
    ['http.host=999.1.1.1', 'http.host is "999.1.1.1": must be an IP address or a host name'],
    ['http.host=1.2.3', 'http.host is "1.2.3": must be an IP address or a host name'],
    ['http.host=a b', 'http.host is "a b": must be an IP address or a host name'],
    ['model.path=', 'model.path is "": Too small: expected string to have >=1 characters'],
  ]
  test.each(BAD)('%s is refused with key, value and origin', (set, message) => {
    expect(refusalOf({ sets: [set] })).toStartWith(message)
    expect(refusalOf({ sets: [set] })).toEndWith(' (from --set)')
  })

  test.each(['0.0.0.0', '::1', '[::]', 'localhost', 'a-1.example.org', 'host1', '1.example'])(
    'http.host=%s is taken',
    (host) => {
      expect(load({ sets: [`http.host=${host}`] }).settings['http.host']).toBe(host)
    },
  )

  test.each([
    [
      'http.port = true',
      'http.port is true: Invalid input: expected number, received boolean (from FILE)',
    ],
    [
      'http.port = 5.5',
      'http.port is 5.5: Invalid input: expected int, received number (from FILE)',
    ],
    [
      'http.port = [1]',
      'http.port is [1]: Invalid input: expected number, received array (from FILE)',
    ],
    [
      'http.port = nan',
      'http.port is null: Invalid input: expected number, received NaN (from FILE)',
    ],
    ['delivery = 1', 'delivery is 1: Invalid option: '],
    [
      'http.host = 1',
      'http.host is 1: Invalid input: expected string, received number (from FILE)',
    ],
    ['http = 1', "http is no setting; README.md lists ours, librdkafka's CONFIGURATION.md its own"],
  ])('%s in the file is refused', (file, message) => {
    expect(refusalOf({ file })).toStartWith(message)
  })

  test.each(['http.port = 2026-01-01', 'no.such.key = 2026-01-01', 'http.port = 12:00:00'])(
    '%s in the file is refused',
    (file) => {
      expect(refusalOf({ file })).toContain('FILE')
    },
  )

  test('a table of which no key is known is refused when it is empty', () => {
    expect(refusalOf({ file: '[htpp]' })).toContain('htpp')
  })

  // What cannot be decided would go back to where it came from, to be undecidable again, for ever.
  test.each([
    ['topic.dead.letters', 'topic.applications'],
    ['topic.decisions', 'topic.applications'],
    ['topic.dead.letters', 'topic.decisions'],
    ['topic.challenger', 'topic.decisions'],
    ['topic.challenger', 'topic.applications'],
    ['topic.referred', 'topic.decisions'],
  ])('%s cannot be %s', (a, b) => {
    expect(refusalOf({ sets: [`${a}=t`, `${b}=t`] })).toContain(a)
  })

  // Kafka's own rule (Topic.validate): "." and ".." are no names.
  test.each(['.', '..'])('a topic cannot be called "%s"', (name) => {
    expect(refusalOf({ sets: [`topic.decisions=${name}`] })).toContain('topic.decisions')
  })
})

describe('the file', () => {
  test('that was asked for must be there', () => {
    const path = join(root, 'none.toml')
    const input = { environment: {}, sets: [], properties }
    const message = `cannot read ${path}: ENOENT`
    expect(refusal(() => loadConfig({ ...input, file: path })).message).toStartWith(message)
    const environment = { LOANSTREAM_CONFIG: path }
    expect(
      refusal(() => loadConfig({ ...input, environment, file: undefined })).message,
    ).toStartWith(message)
  })

  test('on the command line outweighs the one in the environment', () => {
    const environment = { LOANSTREAM_CONFIG: join(root, 'none.toml') }
    expect(load({ file: 'http.port = 7', environment }).settings['http.port']).toBe(7)
  })

  test('in the environment is read', () => {
    const environment = { LOANSTREAM_CONFIG: fileOf('http.port = 8') }
    const config = loadConfig({ file: undefined, environment, sets: [], properties })
    expect(config.settings['http.port']).toBe(8)
  })

  test('by default need not be there', () => {
    const config = loadConfig({ file: undefined, environment: {}, sets: [], properties })
    expect(config.settings['http.port']).toBe(8080)
  })

  test('that the environment asks for must be there, also under the default name', () => {
    const environment = { LOANSTREAM_CONFIG: 'loanstream.toml' }
    const input = { file: undefined, environment, sets: [], properties }
    expect(refusal(() => loadConfig(input)).message).toContain('cannot read loanstream.toml')
  })

  test('is not read when none is wanted, whatever the environment says', () => {
    const environment = { LOANSTREAM_CONFIG: join(root, 'none.toml') }
    const config = loadConfig({ file: false, environment, sets: [], properties })
    expect(config.origins.size).toBe(0)
  })

  test('with a mistake of syntax is refused with line and column', () => {
    expect(refusalOf({ file: 'http.port = 1\nhttp.host = localhost' })).toStartWith('FILE:2:13: ')
    expect(refusalOf({ file: 'http.port = 1\nhttp.port = 2' })).toStartWith('FILE:2:')
  })
})

describe('an unknown key', () => {
  const SETS: [key: string, nearest: string][] = [
    ['http.prot', 'http.port'],
    ['commit.intervall.ms', 'commit.interval.ms'],
    ['fetch.min.byte', 'fetch.min.bytes'],
    ['consumer.fetch.min.byte', 'consumer.fetch.min.bytes'],
    ['producer.lingerms', 'producer.linger.ms'],
    ['bootstrap.server', 'bootstrap.servers'],
  ]
  test.each(SETS)('%s is refused with its nearest neighbour %s', (key, nearest) => {
    expect(refusalOf({ sets: [`${key}=1`] })).toBe(
      `${key} is no setting; the nearest is ${nearest} (from --set)`,
    )
    expect(refusalOf({ file: `"${key}" = 1` })).toBe(
      `${key} is no setting; the nearest is ${nearest} (from FILE)`,
    )
  })

  test('in the environment is refused as the variable it is', () => {
    expect(refusalOf({ environment: { LOANSTREAM_HTTP_PROT: '1' } })).toBe(
      'LOANSTREAM_HTTP_PROT is no setting; the nearest is LOANSTREAM_HTTP_PORT (from the environment)',
    )
  })

  test.each(['x', 'consumer.x', 'completely.different'])(
    '%s that resembles none is refused with where the lists are',
    (key) => {
      const lists = "README.md lists ours, librdkafka's CONFIGURATION.md its own"
      expect(refusalOf({ sets: [`${key}=1`] })).toBe(`${key} is no setting; ${lists} (from --set)`)
      const variable = variableOf(key)
      expect(refusalOf({ environment: { [variable]: '1' } })).toBe(
        `${variable} is no setting; ${lists} (from the environment)`,
      )
    },
  )

  test('of another program in the environment is none of ours', () => {
    const environment = { HTTP_PORT: '1', loanstream_http_port: '2', LOANSTREAMX: '3' }
    expect(load({ environment }).settings['http.port']).toBe(8080)
  })

  test('that the set-up knows is no setting and no mistake', () => {
    expect(load({ environment: { LOANSTREAM_CACHE: '/x' } }).origins.size).toBe(0)
  })

  test('that the set-up knows is no mistake: LOANSTREAM_PREBUILT_HOST', () => {
    expect(load({ environment: { LOANSTREAM_PREBUILT_HOST: 'x' } }).origins.size).toBe(0)
  })

  test.each(['http.port', '=1', ''])('--set "%s" is refused as no key=value', (set) => {
    expect(refusalOf({ sets: [set] })).toBe(`--set ${set}: must be key=value`)
  })

  test.each(['constructor', '__proto__', 'consumer.toString'])(
    '%s is refused as unknown',
    (key) => {
      expect(refusalOf({ sets: [`${key}=1`] })).toContain(`${key} is no setting`)
    },
  )
})

describe("librdkafka's properties", () => {
  test('are those of the library that was built', () => {
    expect(properties.size).toBeGreaterThan(150)
    expect(properties.get('linger.ms')).toMatchObject({ scope: 'producer', default: '5' })
    expect(properties.get('group.id')?.scope).toBe('consumer')
    expect(properties.get('client.id')).toMatchObject({ scope: 'both', default: 'rdkafka' })
    expect(properties.get('fetch.queue.backoff.ms')?.range).toBe('0 .. 300000')
  })

  test('go to the clients that take them, under their own names', () => {
    const config = load({
      file: 'client.id = "c"\nfetch.min.bytes = 5\nlinger.ms = 3\nsocket.keepalive.enable = true',
    })
    expect(config.consumer).toEqual({
      'client.id': 'c',
      'fetch.min.bytes': '5',
      'socket.keepalive.enable': 'true',
    })
    expect(config.producer).toEqual({
      'client.id': 'c',
      'linger.ms': '3',
      'socket.keepalive.enable': 'true',
    })
  })

  test('may be for one client alone', () => {
    const config = load({
      file: '[consumer]\n"client.id" = "in"\n[producer.client]\nid = "out"',
      environment: { LOANSTREAM_CONSUMER_SOCKET_TIMEOUT_MS: '1000' },
      sets: ['producer.socket.timeout.ms=2000'],
    })
    expect(config.consumer).toEqual({ 'client.id': 'in', 'socket.timeout.ms': '1000' })
    expect(config.producer).toEqual({ 'client.id': 'out', 'socket.timeout.ms': '2000' })
  })

  test('for one client after that for both wins there', () => {
    const sets = ['client.id=both', 'consumer.client.id=in']
    const config = load({ sets })
    expect([config.consumer['client.id'], config.producer['client.id']]).toEqual(['in', 'both'])
  })

  // A TOML file's tables stand last or first as they please.
  test('for one client before that for both wins there too', () => {
    const config = load({ file: 'consumer.client.id = "in"\nclient.id = "both"' })
    expect(config.consumer['client.id']).toBe('in')
  })

  test.each([
    ['consumer.linger.ms', 'linger.ms is a property of the producer'],
    ['producer.group.id', 'group.id is a property of the consumer'],
  ])('%s is refused', (key, why) => {
    expect(refusalOf({ sets: [`${key}=1`] })).toBe(`${key}: ${why} (from --set)`)
  })

  // Kafka's name is the alias; librdkafka's own are older.
  test.each([
    ['metadata.broker.list', 'bootstrap.servers'],
    ['sasl.mechanisms', 'sasl.mechanism'],
    ['max.in.flight.requests.per.connection', 'max.in.flight'],
  ])('have one name here: %s is %s, and the later of both wins', (own, usual) => {
    const both = (value: string) => ({ [usual]: value })
    expect(load({ sets: [`${own}=1`] }).consumer).toEqual(both('1'))
    expect(load({ sets: [`${own}=1`] }).producer).toEqual(both('1'))
    expect(load({ file: `"${own}" = "1"`, sets: [`${usual}=2`] }).producer).toEqual(both('2'))
    expect(load({ file: `"${usual}" = "1"`, sets: [`${own}=2`] }).producer).toEqual(both('2'))
    const scoped = load({ sets: [`${usual}=1`, `consumer.${own}=2`] })
    expect([scoped.consumer, scoped.producer]).toEqual([both('2'), both('1')])
    expect(load({ environment: { [variableOf(own)]: '3' } }).producer).toEqual(both('3'))
  })

  test('under either name replace our default', () => {
    const config = load({ sets: ['queue.buffering.max.ms=7'] })
    expect(producerProperties(config)).toMatchObject({ 'linger.ms': '7' })
    expect(producerProperties(config)).not.toHaveProperty(['queue.buffering.max.ms'])
  })

  // librdkafka refuses answers to fetches that are smaller than a record may be.
  test('may say that records are larger than our answers to fetches', () => {
    for (const key of ['message.max.bytes', 'consumer.message.max.bytes']) {
      const properties = consumerProperties(load({ sets: [`${key}=5000000`] }))
      expect(properties['fetch.max.bytes']).toBe('5000000')
      checkClient(CONSUMER, properties)
    }
  })

  test.each(['group.id', 'consumer.group.id', 'bootstrap.servers', 'metadata.broker.list'])(
    '%s is refused when it is empty',
    (key) => {
      for (const value of ['', ' ']) {
        expect(refusalOf({ sets: [`${key}=${value}`] })).toBe(`${key} is empty (from --set)`)
      }
    },
  )

  test('take single values only', () => {
    expect(refusalOf({ file: '"client.id" = ["a"]' })).toBe(
      'client.id must be a single value (from FILE)',
    )
  })

  test('may hold what looks like syntax', () => {
    const value = 'a=b; c="d" # é'
    expect(load({ sets: [`sasl.password=${value}`] }).consumer['sasl.password']).toBe(value)
    expect(load({ sets: ['sasl.password='] }).consumer['sasl.password']).toBe('')
  })

  test('are taken by the library as given, or refused in its own words', () => {
    const good = consumerProperties(load({ sets: ['fetch.min.bytes=5'] }))
    expect(() => checkProperties(good)).not.toThrow()
    const bad = consumerProperties(load({ sets: ['fetch.min.bytes=x'] }))
    expect(refusal(() => checkProperties(bad)).message).toContain('fetch.min.bytes: Invalid value')
  })
})

describe('reserved', () => {
  /** librdkafka takes them and does not list them; as variables they are unknown. */
  const HIDDEN = new Set(['test.mock.num.brokers', 'test.mock.broker.rtt'])
  const RESERVED = [
    'enable.auto.commit',
    'enable.auto.offset.store',
    'auto.commit.interval.ms',
    'enable.partition.eof',
    'isolation.level',
    'transactional.id',
    'enable.idempotence',
    'log.queue',
    'delivery.report.only.error',
    'test.mock.num.brokers',
    'test.mock.broker.rtt',
  ]
  test.each(RESERVED)('%s cannot be set, for whom and from where ever', (key) => {
    for (const name of [key, `consumer.${key}`, `producer.${key}`]) {
      const said = `${name} cannot be set: `
      expect(refusalOf({ sets: [`${name}=true`] })).toStartWith(said)
      expect(refusalOf({ file: `"${name}" = true` })).toStartWith(said)
    }
    if (HIDDEN.has(key)) return
    const environment = { [variableOf(key)]: 'true' }
    expect(refusalOf({ environment })).toStartWith(`${key} cannot be set: `)
  })

  test('are properties of the library, but for those that it does not tell', () => {
    expect(RESERVED.filter((key) => !properties.has(key))).toEqual([...HIDDEN])
  })

  // The name behind the alias enable.auto.commit, and where offsets are kept: the same guarantee.
  test.each(['auto.commit.enable', 'offset.store.method'])('%s cannot be set either', (key) => {
    expect(refusalOf({ sets: [`${key}=file`] })).toStartWith(`${key} cannot be set: `)
  })

  // Each contradicts enable.idempotence, which librdkafka says only when a client is made.
  test.each([
    ['acks', '1'],
    ['max.in.flight', '10'],
    ['retries', '0'],
    ['queuing.strategy', 'lifo'],
  ])('%s=%s is refused at start-up, as idempotence is not negotiable', (key, value) => {
    const startUp = () => {
      const config = load({ sets: [`${key}=${value}`] })
      checkClient(PRODUCER, { ...producerProperties(config), 'enable.idempotence': 'true' })
    }
    expect(refusal(startUp).message).toContain(key)
  })
})

describe('what the clients get', () => {
  test('is our defaults, what was given, and what cannot be changed', () => {
    const config = load({ sets: ['group.id=g', 'queued.min.messages=5', 'linger.ms=7'] })
    expect(consumerProperties(config)).toMatchObject({
      'group.id': 'g',
      'queued.min.messages': '5',
      'auto.offset.reset': 'earliest',
      'fetch.queue.backoff.ms': '5',
      'enable.auto.commit': 'false',
      'isolation.level': 'read_committed',
    })
    expect(producerProperties(config)['linger.ms']).toBe('7')
  })

  test('of every default is a property that the library takes', () => {
    const config = load({})
    expect(() => checkProperties(consumerProperties(config))).not.toThrow()
    expect(() => checkProperties(producerProperties(config))).not.toThrow()
  })

  test('lingers less when latency was asked for', () => {
    const linger = (delivery: string) =>
      Number(producerProperties(load({ sets: [`delivery=${delivery}`] }))['linger.ms'])
    expect(linger('at-least-once')).toBeLessThan(linger('exactly-once'))
  })

  test.each(['message.timeout.ms', 'delivery.timeout.ms'])(
    'lingers for less than records may live: %s',
    (name) => {
      for (const delivery of ['exactly-once', 'at-least-once']) {
        const config = load({ sets: [`delivery=${delivery}`, `producer.${name}=4`] })
        const own = deliveryProperties(delivery === 'exactly-once' ? 'id' : undefined)
        const make = () => checkClient(PRODUCER, { ...producerProperties(config), ...own })
        expect(make).not.toThrow()
      }
      const sets = [`${name}=0`, 'commit.interval.ms=70', 'commit.interval.behind.ms=80']
      expect(producerProperties(load({ sets }))['linger.ms']).toBe('80')
    },
  )

  test('lingers no longer than a second, however seldom commits come', () => {
    const config = load({ sets: ['commit.interval.ms=50000'] })
    expect(producerProperties(config)['linger.ms']).toBe('1000')
  })

  test('is refused when a transaction would time out before its commit', () => {
    const sets = ['commit.interval.ms=60000']
    const said = 'commit.interval.ms is 60000: must be less than transaction.timeout.ms'
    expect(refusalOf({ sets })).toBe(`${said}, which is 60000 (from --set)`)
    const short = ['commit.interval.ms=900', 'producer.transaction.timeout.ms=900']
    expect(refusalOf({ sets: short })).toContain('which is 900 (from --set)')
    const whenBehind = ['commit.interval.behind.ms=900', 'producer.transaction.timeout.ms=900']
    expect(refusalOf({ sets: whenBehind })).toMatch(/^commit.interval.behind.ms is 900: must be/)
    expect(() => load({ sets: [...sets, 'transaction.timeout.ms=60001'] })).not.toThrow()
    expect(() => load({ sets: [...sets, 'delivery=at-least-once'] })).not.toThrow()
  })

  test('has no assignment strategy under the protocol that assigns on the broker', () => {
    const strategy = (protocol: string) =>
      consumerProperties(load({ sets: [`group.protocol=${protocol}`] }))[
        'partition.assignment.strategy'
      ]
    expect(strategy('classic')).toBe('cooperative-sticky')
    expect(strategy('consumer')).toBeUndefined()
  })

  test('is told of heartbeats that time out, under the protocol in which that loses news', () => {
    const level = (...sets: string[]) => consumerProperties(load({ sets }))['log_level']
    expect(level('group.protocol=consumer')).toBe('6')
    expect(level('group.protocol=consumer', 'log_level=3')).toBe('5')
    expect(level('group.protocol=consumer', 'log_level=7')).toBe('7')
    expect(level('log_level=3')).toBe('3')
  })

  test('leaves the configuration as it was', () => {
    const config = load({ sets: ['client.id=x'] })
    consumerProperties(config)
    producerProperties(config)
    expect([config.consumer, config.producer]).toEqual([{ 'client.id': 'x' }, { 'client.id': 'x' }])
  })
})

test.each(['schema.registry.url', 'trace.export.url'])(
  'an address with credentials is refused without being shown: %s',
  (key) => {
    const { message } = refusal(() => load({ sets: [`${key}=https://me:my-secret@host/v1`] }))
    expect(message).toStartWith(`${key} is not valid: must be http`)
    expect(message).not.toContain('my-secret')
  },
)

describe('a schema registry', () => {
  const url = 'schema.registry.url=http://127.0.0.1:8081/apis/ccompat/v7'
  const REFUSED: [sets: string[], message: string][] = [
    [['schema.registry.token=x'], 'schema.registry.token needs schema.registry.url'],
    [['decisions.framing=registry'], 'decisions.framing needs schema.registry.url'],
    [[url, 'schema.registry.user=me'], 'user and schema.registry.password go together'],
    [
      [url, 'schema.registry.user=me', 'schema.registry.password=p', 'schema.registry.token=x'],
      'schema.registry.token goes without user and password',
    ],
    [[url, 'schema.registry.register=true'], 'register needs decisions.framing=registry'],
    [[url, 'schema.registry.headers=maybe'], 'schema.registry.headers is "maybe"'],
    [['schema.registry.url=registry:8081'], 'schema.registry.url is not valid: must be http'],
  ]
  test.each(REFUSED)('%p is refused', (sets, message) => {
    expect(refusal(() => load({ sets })).message).toContain(message)
  })

  test('makes a client with what is set; a file of authorities must be there', () => {
    const { settings } = load({ sets: [url, 'schema.registry.headers=true'] })
    expect(settings['schema.registry.headers']).toBeTrue()
    expect(clientOf(settings)).toBeInstanceOf(RegistryClient)
    expect(clientOf(load({}).settings)).toBeUndefined()
    const missing = load({ sets: [url, 'schema.registry.ca.path=nowhere.pem'] }).settings
    const { message } = refusal(() => clientOf(missing))
    expect(message).toStartWith('schema.registry.ca.path: cannot read nowhere.pem: ')
  })
})
