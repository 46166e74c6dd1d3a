// TOML files that people write: read with the place of what is wrong in the message.

import { TomlError, parse } from 'smol-toml'
import { type AST, ParseError, parseTOML } from 'toml-eslint-parser'
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

/** Line, from 1 on, of what a path leads to in valid TOML, or of the nearest thing around it. */
export function lineInToml(text: string, path: readonly PropertyKey[]): number {
  let found = { length: 0, line: 1 }
  const note = (at: readonly PropertyKey[], node: AST.TOMLNode) => {
    if (at.length <= found.length || at.length > path.length) return
    if (at.every((name, i) => name === path[i])) {
      found = { length: at.length, line: node.loc.start.line }
    }
  }
  const visit = (node: AST.TOMLContentNode | AST.TOMLKeyValue, at: readonly PropertyKey[]) => {
    if (node.type === 'TOMLKeyValue') {
      const names = node.key.keys.map((key) => (key.type === 'TOMLBare' ? key.name : key.value))
      const inner = [...at, ...names]
      note(inner, node)
      visit(node.value, inner)
      return
    }
    if (node.type === 'TOMLInlineTable') for (const entry of node.body) visit(entry, at)
    if (node.type !== 'TOMLArray') return
    for (const [i, element] of node.elements.entries()) {
      note([...at, i], element)
      visit(element, [...at, i])
    }
  }
  for (const node of documentOf(text)) {
    if (node.type === 'TOMLKeyValue') visit(node, [])
    if (node.type !== 'TOMLTable') continue
    note(node.resolvedKey, node)
    for (const entry of node.body) visit(entry, node.resolvedKey)
  }
  return found.line
}

function documentOf(text: string): AST.TOMLTopLevelTable['body'] {
  try {
    return parseTOML(text, { tomlVersion: 'next' }).body[0].body
  } catch (error) {
    // What one parser takes and the other does not has no place.
    if (error instanceof ParseError) return []
    throw error
  }
}
