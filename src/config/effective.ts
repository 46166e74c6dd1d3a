// What a configuration comes to: every value with where it is from, for people. Secrets are masked.

import { type Config, RESERVED, SETTINGS, type SettingName } from '../config.ts'
import { isSecret, redacted } from '../secrets.ts'
import { challengerProperties, consumerProperties, producerProperties } from './clients.ts'

type Effective = { value: string | number | boolean; origin: string }

/** By setting or property. */
type EffectiveValues = Record<string, Effective>

const MASK = '***'
const DEFAULT = 'default'
/** A property that was not given: what the worker sets in place of librdkafka's own default. */
const OURS = 'loanstream'

export function effectiveSettings({ settings, origins }: Config): EffectiveValues {
  const names = Object.keys(SETTINGS) as SettingName[]
  return Object.fromEntries(
    names.map((name) => [
      name,
      { value: shown(name, settings[name]), origin: origins.get(name) ?? DEFAULT },
    ]),
  )
}

/** Properties of each of the worker's clients that differ from librdkafka's defaults. */
export function effectiveClients(
  config: Config,
): Record<'consumer' | 'producer' | 'challenger', EffectiveValues> {
  const { consumer, producer } = config.propertyOrigins
  const isExact = config.settings.delivery === 'exactly-once'
  const idempotent = { 'enable.idempotence': 'true' }
  const id = `${config.settings['transactional.id.prefix']}-GROUP-TOPIC-PARTITION`
  const delivery = isExact ? { 'transactional.id': id } : idempotent
  return {
    consumer: describe(consumerProperties(config), config.consumer, consumer),
    producer: describe({ ...producerProperties(config), ...delivery }, config.producer, producer),
    challenger: describe(
      { ...challengerProperties(config), ...idempotent },
      config.producer,
      producer,
    ),
  }
}

function describe(
  properties: Readonly<Record<string, string>>,
  given: Readonly<Record<string, string>>,
  origins: ReadonlyMap<string, string>,
): EffectiveValues {
  const originOf = (name: string, value: string) => {
    const reserved = RESERVED.get(name)
    if (reserved !== undefined) return `fixed: ${reserved}`
    return given[name] === value ? (origins.get(name) ?? OURS) : OURS
  }
  return Object.fromEntries(
    Object.entries(properties).map(([name, value]) => [
      name,
      { value: shown(name, value), origin: originOf(name, value) },
    ]),
  )
}

function shown(name: string, value: Effective['value']): Effective['value'] {
  if (isSecret(name) && value !== '') return MASK
  return typeof value === 'string' ? redacted(value) : value
}
