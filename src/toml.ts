// TOML files that people write: read with the place of what is wrong in the message.

import { TomlError, parse } from 'smol-toml'
import { usageError } from './errors.ts'

/**
 * Parses TOML text.
 *
 * @param place  how errors name it, such as the file's path
 * @throws OperatingError kind 'usage', code 'toml', with file, line and column
 */
export function parseToml(text: string, place: string): Record<string, unknown> {
  try {
    return parse(text)
  } catch (error) {
    if (!(error instanceof TomlError)) throw error
    const what = error.message.split('\n')[0]!.replace(/^Invalid TOML document: /, '')
    throw usageError('toml', `${place}:${error.line}:${error.column}: ${what}`, error)
  }
}
