// librdkafka's properties as the loaded library describes them: names, which client takes them,
// range and default. So settings are checked against the library that will run, not a copied list.

import { rd } from './library.ts'
import { captureOutput } from './memory.ts'

export type Property = {
  name: string
  /** Taken by consumers, by producers, or by both. */
  scope: 'consumer' | 'producer' | 'both'
  range: string
  default: string
  description: string
}

const SCOPES: Readonly<{ [letter: string]: Property['scope'] }> = {
  C: 'consumer',
  P: 'producer',
  '*': 'both',
}

/** All properties, by name. An alias is listed under its own name. */
export function describeProperties(): Map<string, Property> {
  const text = captureOutput((stream) => rd.rd_kafka_conf_properties_show(stream))
  const properties = new Map<string, Property>()
  for (const line of text.split('\n')) {
    // Property | C/P | Range | Default | Importance | Description
    const cells = line.split('|').map((cell) => cell.trim())
    const [name, letter, range, value, , ...description] = cells
    const scope = SCOPES[letter ?? '']
    if (!name || !scope) continue
    const known = properties.get(name)
    properties.set(name, {
      name,
      scope: known && known.scope !== scope ? 'both' : scope,
      range: range ?? '',
      default: value ?? '',
      description: description.join('|'),
    })
  }
  return properties
}
