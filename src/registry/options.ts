// The client that the settings describe.

import { readFileSync } from 'node:fs'
import type { Settings } from '../config.ts'
import { messageOf, usageError } from '../errors.ts'
import { RegistryClient } from './client.ts'

/** Long enough for all partitions to ask once: each worker remembers for as long as is set. */
const UNKNOWN_MS_MAX = 1000

/**
 * @param url  in place of the setting's
 * @returns undefined when no registry is set
 * @throws OperatingError kind 'usage' when the authorities' file cannot be read
 */
export function clientOf(
  settings: Settings,
  url = settings['schema.registry.url'],
): RegistryClient | undefined {
  if (url === '') return undefined
  const user = settings['schema.registry.user']
  const password = settings['schema.registry.password']
  const token = settings['schema.registry.token']
  const basic = user === '' ? undefined : { user, password }
  const ca = authorities(settings['schema.registry.ca.path'])
  return new RegistryClient({
    url,
    credentials: token === '' ? basic : { token },
    tls: ca === undefined ? undefined : { ca },
    timeoutMs: settings['schema.registry.timeout.ms'],
    unknownMs: Math.min(settings['schema.registry.unknown.ms'], UNKNOWN_MS_MAX),
  })
}

function authorities(path: string): string | undefined {
  if (path === '') return undefined
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw usageError('config', `schema.registry.ca.path: cannot read ${path}: ${messageOf(error)}`)
  }
}

/** The subject of a topic's values, by the name that clients of registries use by default. */
export function subjectOf(topic: string): string {
  return `${topic}-value`
}
