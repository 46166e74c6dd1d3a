// The settings of a schema registry, and which of them go together.

import { z } from 'zod'
import { usageError } from '../errors.ts'
import { address, flag, int, setting } from './setting.ts'

export const REGISTRY_SETTINGS = {
  'decisions.framing': setting(
    z.enum(['single-object', 'registry']),
    'single-object',
    '',
    "what decisions start with: a fingerprint, or a registry's id",
  ),
  'schema.registry.url': setting(address, '', '', "address of Confluent's REST interface"),
  'schema.registry.user': setting(z.string(), '', '', 'basic authentication: the user'),
  'schema.registry.password': setting(z.string(), '', '', 'its password'),
  'schema.registry.token': setting(z.string(), '', '', 'bearer authentication: the token'),
  'schema.registry.ca.path': setting(
    z.string(),
    '',
    'file',
    "authorities to trust in place of the system's, PEM",
  ),
  'schema.registry.timeout.ms': setting(int(10, 600_000), 5000, 'ms', 'longest time of a request'),
  'schema.registry.unknown.ms': setting(
    int(0, 86_400_000),
    60_000,
    'ms',
    'for how long an unknown id is not asked for again',
  ),
  'schema.registry.headers': setting(
    flag,
    false,
    '',
    'whether __value_schema_id names schemas by GUID',
  ),
  'schema.registry.register': setting(
    flag,
    false,
    '',
    "whether the start registers the decisions' schema",
  ),
} as const

type Registry = { [K in keyof typeof REGISTRY_SETTINGS]: unknown }

/** Refuses what would do nothing, or contradicts itself. */
export function checkRegistry({ settings }: { settings: Registry }): void {
  const is = (key: keyof Registry) => settings[key] !== REGISTRY_SETTINGS[key].default
  const asked = (Object.keys(REGISTRY_SETTINGS) as (keyof Registry)[]).filter(is)
  if (!is('schema.registry.url') && asked.length > 0) {
    throw usageError('config', `${asked[0]} needs schema.registry.url`)
  }
  if (is('schema.registry.user') !== is('schema.registry.password')) {
    throw usageError('config', 'schema.registry.user and schema.registry.password go together')
  }
  if (is('schema.registry.user') && is('schema.registry.token')) {
    throw usageError('config', 'schema.registry.token goes without user and password')
  }
  if (is('schema.registry.register') && settings['decisions.framing'] !== 'registry') {
    throw usageError('config', 'schema.registry.register needs decisions.framing=registry')
  }
}
