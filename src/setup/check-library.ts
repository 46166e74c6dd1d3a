// Opens a library and prints what it is, as JSON. A process of its own, as a broken library may end
// the one that opens it: bun check-library.ts PATH

import { OperatingError } from '../errors.ts'
import { checkProperties } from '../rdkafka/conf.ts'
import { checkLayout } from '../rdkafka/layout-check.ts'
import { openLibrary } from '../rdkafka/library.ts'
import { describeProperties } from '../rdkafka/properties.ts'

export type LibraryCheck = { version: string; features: string[] }

/** The default lists all features that there can be; setting it tells which this library has. */
const FEATURES = 'builtin.features'

function check(path: string): LibraryCheck {
  const version = openLibrary(path)
  checkLayout(path)
  const names = describeProperties().get(FEATURES)?.default.split(', ') ?? []
  return { version, features: names.filter(hasFeature) }
}

function hasFeature(name: string): boolean {
  try {
    checkProperties({ [FEATURES]: name })
    return true
  } catch (error) {
    if (error instanceof OperatingError) return false
    throw error
  }
}

if (import.meta.main) {
  try {
    console.log(JSON.stringify(check(process.argv[2] ?? '')))
  } catch (error) {
    if (!(error instanceof OperatingError)) throw error
    console.error(error.message)
    process.exitCode = 1
  }
}
