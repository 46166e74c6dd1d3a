// The worker on a broker's secure listeners: each way in, and each way to be turned away, told once
// and with an end.

import { afterAll, beforeAll, describe, expect, test } from 'bun:test'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { BUILD } from '../../src/paths.ts'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import { checkProperties } from '../../src/rdkafka/conf.ts'
import { TOPICS, makeInputs, send } from '../support/applications.ts'
import { Authority } from '../support/certificates.ts'
import { cli } from '../support/cli.ts'
import { KafkaCluster } from '../support/kafka.ts'
import { SecureKafka } from '../support/secure-kafka.ts'
import { WorkerProcess } from '../support/worker-process.ts'

const PARTITIONS = 2
const RECORDS = 200
const USERS = { alice: 'alice-pa55word', bob: 'bob-pa55word', carol: 'carol-pa55word' }
const KEY_SECRET = 'key-pa55phrase'
const TOKEN = 't0ken-of-the-http-server'

type Way = Record<string, string>

openLibrary(libraryPath(BUILD))

function hasFeature(name: string): boolean {
  try {
    checkProperties({ 'builtin.features': name })
    return true
  } catch {
    return false
  }
}

const why =
  KafkaCluster.unavailable() ??
  Authority.unavailable() ??
  (hasFeature('ssl') ? undefined : 'librdkafka was built without OpenSSL')
const noOidc = hasFeature('oidc') ? '' : ' (skipped: librdkafka was built without libcurl)'

/** That a user still reads. */
const LINES_MAX = 20

describe.skipIf(why !== undefined)(`on secure listeners${why ? ` (skipped: ${why})` : ''}`, () => {
  let kafka: SecureKafka

  beforeAll(async () => {
    kafka = await SecureKafka.start(USERS)
    for (const topic of Object.values(TOPICS)) {
      await kafka.cluster.createTopic(topic, { partitions: PARTITIONS })
    }
    send(kafka.cluster.bootstrapServers, makeInputs(RECORDS, PARTITIONS, 0.05))
    const all = ['--topic', '*', '--group', '*', '--transactional-id', '*']
    await kafka.allow(['User:alice', 'User:CN=client'], ['--operation', 'All', ...all])
    // All but writing: what the group and the metadata tell is no hint of it.
    const reading = ['--operation', 'Read', '--operation', 'Describe']
    await kafka.allow(['User:carol'], [...reading, '--topic', '*', '--group', '*'])
    await kafka.allow(['User:carol'], ['--operation', 'All', '--transactional-id', '*'])
  })

  afterAll(async () => {
    await kafka?.[Symbol.asyncDispose]()
  })

  const sasl = (mechanism: string, user: string, password: string) => ({
    ...kafka.tls('sasl'),
    'sasl.mechanism': mechanism,
    'sasl.username': user,
    'sasl.password': password,
  })

  const oauth = (id: string, secret: string) => ({
    ...kafka.tls('sasl'),
    'sasl.mechanism': 'OAUTHBEARER',
    'sasl.oauthbearer.method': 'oidc',
    'sasl.oauthbearer.client.id': id,
    'sasl.oauthbearer.client.secret': secret,
    'sasl.oauthbearer.token.endpoint.url': kafka.tokens.tokenUrl,
  })

  const mutual = (days?: number) => {
    const options = { passphrase: KEY_SECRET, ...(days !== undefined && { days }) }
    const { certificate, key } = kafka.authority.issue('client', options)
    return {
      ...kafka.tls('mutual'),
      'ssl.certificate.location': certificate,
      'ssl.key.location': key,
      'ssl.key.password': KEY_SECRET,
    }
  }

  async function decidesAll(settings: Record<string, string>, group: string): Promise<void> {
    await using worker = new WorkerProcess({ ...settings, 'group.id': group })
    await worker.reaches('loan_records_total', RECORDS, 60_000)
    expect(await worker.stop()).toBe(0)
  }

  test.each(['PLAIN', 'SCRAM-SHA-256', 'SCRAM-SHA-512'])('SASL %s over TLS', async (mechanism) => {
    await decidesAll(sasl(mechanism, 'alice', USERS.alice), mechanism)
  })

  test('TLS without a certificate of the client', async () => {
    await decidesAll(kafka.tls('ssl'), 'tls')
  })

  test('mutual TLS, with an encrypted key, and with PEM in the settings themselves', async () => {
    const files = mutual()
    await decidesAll(files, 'mutual')
    const { 'ssl.certificate.location': certificate, 'ssl.key.location': key, ...rest } = files
    const inline = {
      'ssl.certificate.pem': readFileSync(certificate, 'utf8'),
      'ssl.key.pem': readFileSync(key, 'utf8'),
    }
    await decidesAll({ ...rest, ...inline }, 'mutual-pem')
  })

  test.skipIf(noOidc !== '')(`OAUTHBEARER with client credentials${noOidc}`, async () => {
    const { granted } = kafka.tokens
    await decidesAll(oauth('alice', USERS.alice), 'oauth')
    expect(kafka.tokens.granted).toBeGreaterThan(granted)
  })

  test.skipIf(noOidc === '')(
    'OIDC is refused where librdkafka lacks libcurl, and says so',
    async () => {
      const sets = Object.entries(oauth('alice', USERS.alice)).flatMap((set) => [
        '-s',
        set.join('='),
      ])
      const outcome = await cli(['worker', ...sets])
      expect(outcome.code).toBe(2)
      expect(outcome.err).toContain('libcurl')
      expect(outcome.err).not.toContain(USERS.alice)
    },
  )

  test('at the most verbose level no secret is printed, logged or served', async () => {
    const { folder } = kafka.authority
    const file = (name: string, secret: string) => {
      const path = join(folder, name)
      writeFileSync(path, `${secret}\n`)
      return path
    }
    const own = { 'http.token.file': file('token', TOKEN), 'log.level': 'debug', debug: 'all' }
    const password = file('password', USERS.alice)
    const passphrase = file('passphrase', KEY_SECRET)
    const { 'ssl.key.password': _, ...certificate } = mutual()
    const ways = {
      plain: { ...sasl('PLAIN', 'alice', ''), 'sasl.password.file': password },
      scram: { ...sasl('SCRAM-SHA-512', 'alice', ''), 'sasl.password.file': password },
      mutual: { ...certificate, 'ssl.key.password.file': passphrase },
      ...(noOidc === '' && { oauth: oauth('alice', USERS.alice) }),
    }
    for (const [group, { 'sasl.password': none, ...way }] of Object.entries<Way>(ways)) {
      await using worker = new WorkerProcess({ ...way, ...own, 'group.id': `verbose-${group}` })
      await worker.reaches('loan_records_total', RECORDS, 60_000)
      const pages = ['/metrics', '/healthz', '/livez', '/readyz', '/model', '/nowhere']
      const served = await Promise.all(pages.map(async (page) => (await worker.get(page)).text()))
      expect(await worker.stop()).toBe(0)
      // It was verbose indeed.
      expect(worker.log).toContain('"level":"debug"')
      expect(worker.log.length).toBeGreaterThan(50_000)
      const all = worker.log + worker.output + served.join('\n')
      for (const secret of [USERS.alice, KEY_SECRET, TOKEN]) {
        for (const form of [secret, Buffer.from(secret).toString('base64'), secret.slice(0, 8)]) {
          expect(all.includes(form)).toBe(false)
        }
      }
      expect(all).not.toContain('PRIVATE KEY')
      expect(none ?? '').toBe('')
    }
  })

  /**
   * Runs a worker that is refused to its end.
   *
   * @returns its log's lines above info
   */
  async function refusedLines(settings: Record<string, string>): Promise<string[]> {
    await using worker = new WorkerProcess({
      ...settings,
      'group.id': 'refused',
      'broker.timeout.ms': 5000,
    })
    expect(await worker.exit(60_000)).toBe(1)
    const lines = worker.log.trim().split('\n')
    // Before the first answer there is none to tell of.
    return lines.filter((line) => !/"level":"(info|debug)"|"waiting for a broker/.test(line))
  }

  /** The refusal in one line, and the end in another. */
  function expectOneLine(lines: readonly string[], pattern: RegExp): void {
    expect(lines.filter((line) => line.includes('"level":"error"'))).toEqual([
      expect.stringMatching(pattern),
    ])
    expect(lines.filter((line) => line.includes('"level":"fatal"')).length).toBe(1)
    expect(lines).toHaveLength(2)
  }

  test.each(['PLAIN', 'SCRAM-SHA-256'])(
    'a wrong password of %s is told once',
    async (mechanism) => {
      const lines = await refusedLines(sasl(mechanism, 'alice', 'not-alices'))
      expectOneLine(lines, /the broker refuses our credentials: .*[Aa]uthentication failed/)
      expect(lines.join('')).not.toContain('not-alices')
    },
  )

  test.skipIf(noOidc !== '')(`a wrong client secret is told once${noOidc}`, async () => {
    const lines = await refusedLines(oauth('alice', 'not-alices'))
    expectOneLine(lines, /the broker refuses our credentials: /)
    expect(lines.join('')).not.toContain('not-alices')
  })

  test('an expired certificate of the broker is told once, with its date', async () => {
    expectOneLine(await refusedLines(kafka.tls('expired')), /certificate of \S+ expired on \w+ \d+/)
  })

  test('an expired certificate of the client is told once, with its file and date', async () => {
    const settings = mutual(-1)
    const lines = await refusedLines(settings)
    expectOneLine(lines, /our certificate \S+ expired on \w+ \d+/)
    expect(lines.join('')).not.toContain(KEY_SECRET)
  })

  test('a certificate of an unknown authority is told once', async () => {
    using other = new Authority()
    const lines = await refusedLines({
      ...kafka.tls('ssl'),
      'ssl.ca.location': other.certificate,
    })
    expectOneLine(lines, /certificate of \S+ cannot be trusted/)
  })

  test('a missing certificate of the client is told once', async () => {
    expectOneLine(await refusedLines(kafka.tls('mutual')), /no TLS with the broker: .*certificate/)
  })

  test('missing ACLs are told once each: of the group, of the topic', async () => {
    const lines = await refusedLines(sasl('PLAIN', 'bob', USERS.bob))
    const errors = lines.filter((line) => line.includes('"level":"error"'))
    expect(errors.filter((line) => line.includes('the broker forbids'))).toEqual(errors)
    expect(errors.filter((line) => /Topic authorization failed/.test(line)).length).toBe(1)
    expect(errors.filter((line) => /Group authorization failed/.test(line)).length).toBe(1)
    expect(lines.length).toBe(3)
  })

  test('a missing ACL to write ends the worker after a few tries, with few lines', async () => {
    const lines = await refusedLines(sasl('PLAIN', 'carol', USERS.carol))
    const errors = lines.filter((line) => line.includes('"level":"error"'))
    // Whichever the transaction comes to first, and each once.
    const forbidden = /the broker forbids: .*\\"(.+)\\" \[.*Topic authorization failed/
    const topics = errors.flatMap((line) => forbidden.exec(line)?.[1] ?? [])
    expect(errors.filter((line) => !forbidden.test(line))).toEqual([])
    expect(topics.length).toBeGreaterThan(0)
    expect([...new Set(topics)]).toEqual(topics)
    expect([TOPICS.decisions, TOPICS.deadLetters]).toEqual(expect.arrayContaining(topics))
    expect(lines.filter((line) => line.includes('"level":"fatal"')).length).toBe(1)
    // A new broker's coordinator is not there at once, librdkafka tells of each kind of try, and on
    // the way out an answer may be missing: some more lines, not one a try.
    expect(lines.slice(LINES_MAX)).toEqual([])
  })
})
