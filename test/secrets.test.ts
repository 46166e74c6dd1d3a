// Secrets: from files and from the environment, refused without telling them, and left out of all
// that is logged. What a whole worker prints is read in test/broker/security.test.ts.

import { afterAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadConfig } from '../src/config.ts'
import { fromRoot } from '../src/paths.ts'
import { libraryPath, openLibrary } from '../src/rdkafka/library.ts'
import { describeProperties } from '../src/rdkafka/properties.ts'
import { hide, isSecret, redacted } from '../src/secrets.ts'
import { cli } from './support/cli.ts'
import { refusal } from './support/engine.ts'

openLibrary(libraryPath(fromRoot('build')))
const properties = describeProperties()
const PLANTED = 'pl4nted-s3cret'

const root = mkdtempSync(join(tmpdir(), 'loanstream-secrets-'))
afterAll(() => rmSync(root, { recursive: true }))

let count = 0
function fileOf(content: string | Uint8Array): string {
  const path = join(root, `${count++}`)
  writeFileSync(path, content)
  return path
}

function load(sets: string[], environment: Record<string, string> = {}, toml = '') {
  return loadConfig({ file: fileOf(toml), environment, sets, properties })
}

describe('a secret comes from a file', () => {
  test.each(['', '\n', '\r\n'])('whose last line may end with %j', (end) => {
    const path = fileOf(PLANTED + end)
    const config = load([`sasl.password.file=${path}`, `http.token.file=${path}`])
    expect(config.consumer['sasl.password']).toBe(PLANTED)
    expect(config.producer['sasl.password']).toBe(PLANTED)
    expect(config.settings['http.token']).toBe(PLANTED)
    expect(config.consumer['sasl.password.file']).toBeUndefined()
  })

  test('that the environment names, or the configuration, for one client or both', () => {
    const path = fileOf(PLANTED)
    const environment = { LOANSTREAM_SASL_PASSWORD_FILE: path }
    expect(load([], environment).consumer['sasl.password']).toBe(PLANTED)
    const { consumer, producer } = load([], {}, `producer.ssl.key.password.file = "${path}"`)
    expect(producer['ssl.key.password']).toBe(PLANTED)
    expect(consumer['ssl.key.password']).toBeUndefined()
  })

  test('with several lines, as a key has', () => {
    const pem = '-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----\n'
    expect(load([`ssl.key.pem.file=${fileOf(pem)}`]).consumer['ssl.key.pem']).toBe(pem.trimEnd())
  })

  test('and a later origin wins, whichever way it gives it', () => {
    const path = fileOf('from-a-file')
    const environment = { LOANSTREAM_SASL_PASSWORD: PLANTED }
    const toml = `sasl.password.file = "${path}"`
    expect(load([], environment, toml).consumer['sasl.password']).toBe(PLANTED)
    const last = load([`sasl.password.file=${path}`], environment)
    expect(last.consumer['sasl.password']).toBe('from-a-file')
  })
})

describe('refused, without telling what is secret:', () => {
  test.each([
    ['no such file', ['sasl.password.file=nowhere'], 'sasl.password.file: cannot read nowhere'],
    ['an empty file', [`sasl.password.file=${fileOf('\n')}`], 'is empty'],
    ['no text', [`sasl.password.file=${fileOf(new Uint8Array([0xff, 0xfe]))}`], 'is not UTF-8'],
    ['a large file', [`sasl.password.file=${fileOf('x'.repeat(70_000))}`], 'too large'],
    [
      'both ways at once',
      [`sasl.password=${PLANTED}`, `sasl.password.file=${fileOf(PLANTED)}`],
      'sasl.password and sasl.password.file are both set',
    ],
    ['a file of what is no secret', [`client.id.file=${fileOf('x')}`], 'is no setting'],
    ['a token that is none', [`http.token=${PLANTED} ${PLANTED}`], 'http.token is not valid'],
    ['a missing =', [`sasl.password ${PLANTED}`], '--set sasl.password…: must be key=value'],
    ['a wrong name', [`sasl.pasword=${PLANTED}`], 'the nearest is sasl.password'],
  ])('%s', (_, sets, message) => {
    const error = refusal(() => load(sets))
    expect([error.kind, error.message]).toEqual(['usage', expect.stringContaining(message)])
    expect(error.message).not.toContain(PLANTED)
  })

  test('a file of settings with a mistake in the line of a secret', () => {
    const error = refusal(() => load([], {}, `sasl.password = "${PLANTED}`))
    expect(error.message).not.toContain(PLANTED)
  })

  test.each([
    ['worker', { SASL_PASSWORD: PLANTED, SASL_MECHANISM: 'NONE', SECURITY_PROTOCOL: 'sasl_ssl' }],
    ['worker', { SSL_KEY_PEM: PLANTED, SECURITY_PROTOCOL: 'ssl' }],
    ['topics', { SASL_PASSWORD: PLANTED, SASL_OAUTHBEARER_METHOD: 'x' }],
    ['produce', { SASL_OAUTHBEARER_CONFIG: PLANTED, DEBUG: 'all' }],
  ])('by `%s` with %j', async (command, settings) => {
    const all = { BOOTSTRAP_SERVERS: '127.0.0.1:1', BROKER_TIMEOUT_MS: '1000', ...settings }
    const set = Object.entries(all).map(([name, value]) => [`LOANSTREAM_${name}`, value])
    const more = command === 'produce' ? ['--generate', '1'] : []
    const { code, out, err } = await cli([command, ...more], Object.fromEntries(set))
    expect(code).toBeGreaterThan(0)
    expect(err.length).toBeGreaterThan(10)
    expect(out + err).not.toContain(PLANTED)
  })
})

test('every property that librdkafka keeps from its own log is secret, or names a user or a file', () => {
  const secret = [...properties.keys()].filter((name) =>
    /password|secret|passphrase|key\.pem/.test(name),
  )
  expect(secret.length).toBeGreaterThan(5)
  expect(secret.filter((name) => !isSecret(name))).toEqual([])
  expect(isSecret('sasl.username')).toBe(false)
})

test('what is hidden is left out of a text, as it is and as JSON writes it', () => {
  hide('a "quoted"\nsecret')
  expect(redacted('x a "quoted"\nsecret y')).toBe('x *** y')
  expect(redacted(JSON.stringify({ msg: 'a "quoted"\nsecret' }))).toBe('{"msg":"***"}')
  expect(redacted('the line secret alone')).toBe('the line *** alone')
})
