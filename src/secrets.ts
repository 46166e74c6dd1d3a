// Secrets: which settings are some, how they are read from files, and that none is ever printed. No
// message of ours holds one; as a last line of defence all that is logged passes `redacted`.

import { readFileSync, statSync } from 'node:fs'
import { messageOf, usageError } from './errors.ts'

/**
 * librdkafka's properties that are secret, with its aliases. Source: _RK_SENSITIVE in
 * rdkafka_conf.c 2.15, without those that name a user or a file.
 */
const PROPERTIES: ReadonlySet<string> = new Set([
  'sasl.password',
  'sasl.oauthbearer.client.secret',
  'sasl.oauthbearer.client.credentials.client.secret',
  'sasl.oauthbearer.config',
  'sasl.oauthbearer.assertion.private.key.passphrase',
  'sasl.oauthbearer.assertion.private.key.pem',
  'ssl.key.password',
  'ssl.key.pem',
  'ssl.keystore.password',
])

/** Our own settings that are secret. */
const OWN: ReadonlySet<string> = new Set([
  'http.token',
  'schema.registry.password',
  'schema.registry.token',
])

const FILE_SUFFIX = '.file'
const FILE_BYTES_MAX = 64 * 1024
const SHOWN = '***'
/** Shorter ones would be found in words that are none; no message of ours holds them either. */
const REDACTED_CHARACTERS_MIN = 4

/** @param key  of a setting, also one for one client alone, such as producer.sasl.password */
export function isSecret(key: string): boolean {
  return OWN.has(key) || PROPERTIES.has(key.replace(/^(consumer|producer)\./, ''))
}

/** The secret that a setting names the file of: sasl.password for sasl.password.file. */
export function secretOfFile(key: string): string | undefined {
  const secret = key.endsWith(FILE_SUFFIX) ? key.slice(0, -FILE_SUFFIX.length) : undefined
  return secret !== undefined && isSecret(secret) ? secret : undefined
}

/** The settings that name files of these secrets. */
export function fileKeys(keys: readonly string[]): string[] {
  return keys.filter(isSecret).map((key) => key + FILE_SUFFIX)
}

/**
 * A secret from the file that a setting names.
 *
 * @param origin  all that it sets, and how errors name it
 * @throws OperatingError kind 'usage', code 'config'
 */
export function secretFromFile(
  key: string,
  secret: string,
  { name, values }: { name: string; values: ReadonlyMap<string, unknown> },
): string {
  const path = values.get(key)
  if (values.has(secret)) {
    throw usageError('config', `${secret} and ${key} are both set: one of them (from ${name})`)
  }
  if (typeof path !== 'string' || path === '') {
    throw usageError('config', `${key} must be the path of a file (from ${name})`)
  }
  return readSecret(path, key, name)
}

/**
 * Reads a secret; one line's end after it is no part of it.
 *
 * @param key  the setting that names the file, for the message
 * @throws OperatingError kind 'usage', code 'config', which does not tell what is in the file
 */
function readSecret(path: string, key: string, origin: string): string {
  const fail = (why: string, cause?: unknown) =>
    usageError('config', `${key}: ${why} (from ${origin})`, cause)
  let text: string
  try {
    if (statSync(path).size > FILE_BYTES_MAX) throw fail(`${path} is too large for a secret`)
    text = new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path))
  } catch (error) {
    if (error instanceof TypeError) throw fail(`${path} is not UTF-8`, error)
    throw fail(`cannot read ${path}: ${messageOf(error)}`, error)
  }
  const secret = text.replace(/\r?\n$/, '')
  if (secret === '') throw fail(`${path} is empty`)
  return secret
}

const known = new Set<string>()

/** Has a secret left out of all that is logged from now on, also line by line. */
export function hide(secret: string): void {
  for (const part of [secret, ...secret.split('\n')]) {
    if (part.length >= REDACTED_CHARACTERS_MIN && !part.startsWith('-----')) known.add(part)
  }
}

/** The text with every secret left out, as it is and as JSON writes it. */
export function redacted(text: string): string {
  let clean = text
  for (const secret of known) {
    clean = clean.replaceAll(secret, SHOWN)
    clean = clean.replaceAll(JSON.stringify(secret).slice(1, -1), SHOWN)
  }
  return clean
}
