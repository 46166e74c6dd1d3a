// A file of applications by its extension.

import { extname } from 'node:path'
import { usageError } from '../errors.ts'
import { containerSource } from './container.ts'
import { csvSource } from './csv.ts'
import { jsonLinesSource } from './json-lines.ts'
import type { Source, SourceOptions } from './source.ts'

const SOURCES: Readonly<{ [extension: string]: (path: string, options: SourceOptions) => Source }> =
  {
    '.csv': csvSource,
    '.jsonl': jsonLinesSource,
    '.ndjson': jsonLinesSource,
    '.avro': containerSource,
  }

/**
 * The file's rows. Nothing is read before they are asked for.
 *
 * @throws OperatingError kind 'usage', code 'extension' or 'columns'
 */
export function openApplications(path: string, options: SourceOptions): Source {
  const extension = extname(path).toLowerCase()
  const source = SOURCES[extension]
  if (!source) {
    const known = Object.keys(SOURCES).join(', ')
    throw usageError('extension', `${path}: is no file of applications; these are: ${known}`)
  }
  if (options.columns && extension !== '.csv') {
    throw usageError('columns', `${path}: a column map is for .csv`)
  }
  return source(path, options)
}
