// JSON files that people write: read with the place of what is wrong in the message.

import { readFileSync } from 'node:fs'
import {
  type JSONPath,
  type ParseError,
  findNodeAtLocation,
  parse,
  parseTree,
  printParseErrorCode,
} from 'jsonc-parser'
import { messageOf, usageError } from './errors.ts'

/**
 * Reads a file as text.
 *
 * @throws OperatingError kind 'usage', code 'file', that says why the file cannot be read
 */
export function readText(path: string): string {
  try {
    // Fatal: text with replacement characters would hash to what no other tool computes.
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(readFileSync(path))
  } catch (error) {
    const why = error instanceof TypeError ? 'is not UTF-8' : messageOf(error)
    throw usageError('file', `cannot read ${path}: ${why}`, error)
  }
}

/**
 * Reads a file as JSON (no comments, no trailing commas).
 *
 * @throws OperatingError kind 'usage', code 'json', with file, line and column
 */
export function readJson(path: string): unknown {
  return parseJson(readText(path), path)
}

/** Parses JSON text; `place` is how errors name it. */
export function parseJson(text: string, place: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return parseSlowly(text, place)
  }
}

/** Ten times slower, and says where a mistake is. */
function parseSlowly(text: string, place: string): unknown {
  const errors: ParseError[] = []
  const value: unknown = parse(text, errors, { disallowComments: true, allowTrailingComma: false })
  const first = errors[0]
  if (first) {
    const before = text.slice(0, first.offset).split('\n')
    const line = before.length
    const column = before[line - 1]!.length + 1
    const what = printParseErrorCode(first.error)
      .replace(/([a-z])([A-Z])/g, '$1 $2')
      .toLowerCase()
    throw usageError('json', `${place}:${line}:${column}: ${what}`)
  }
  return value
}

/**
 * Line, from 1, where a part of JSON text lies, or what would hold it where it is missing.
 *
 * @param path  keys and indices that lead to it
 */
export function lineInJson(text: string, path: readonly PropertyKey[]): number {
  const tree = parseTree(text)
  for (let length = path.length; tree && length >= 0; length--) {
    const node = findNodeAtLocation(tree, path.slice(0, length) as JSONPath)
    if (node) return text.slice(0, node.offset).split('\n').length
  }
  return 1
}
