// The records that the schema files are of: a folder each.

import { readdirSync } from 'node:fs'
import { messageOf, usageError } from '../errors.ts'

export const APPLICATION = 'loan_application'
export const DECISION = 'loan_decision'

/**
 * Names of the records, in order.
 *
 * @param folder  of the schemas
 * @throws OperatingError kind 'usage', code 'schema', when it cannot be read or holds none
 */
export function recordNames(folder: string): string[] {
  let names: string[]
  try {
    const entries = readdirSync(folder, { withFileTypes: true })
    names = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name)
  } catch (error) {
    throw usageError('schema', `cannot read the schemas in ${folder}: ${messageOf(error)}`, error)
  }
  if (names.length === 0) throw usageError('schema', `${folder} holds no folder of a record`)
  return names.sort()
}
