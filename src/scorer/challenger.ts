// A challenger: a second model that decides the rows which were decoded for the champion. The rows'
// columns are laid out by the champion's features, so the challenger's tables are pointed at them.
// Its reasons are its own model's.

import {
  BLOCK_ROWS,
  ENTRY_BYTES,
  ENTRY_COLUMN_A,
  ENTRY_COLUMN_B,
  ENTRY_FEATURE_AT,
  IMAGE_CATEGORIES,
  IMAGE_CATEGORIES_AT,
  IMAGE_COLUMNS,
  IMAGE_ENTRIES,
  IMAGE_ENTRIES_AT,
  IMAGE_TWINS,
  IMAGE_TWINS_AT,
} from '../../assembly/layout.ts'
import {
  TWIN_BYTES,
  TWIN_COLUMN_A,
  TWIN_COLUMN_B,
  TWIN_FEATURE_AT,
} from '../../assembly/row-layout.ts'
import { usageError } from '../errors.ts'
import type { Artefact } from './artefact.ts'
import { type Program, featureFields } from './program.ts'
import { scoreReasonsOf, sharedCode, withColumns } from './score-reasons.ts'

/**
 * The program with a model as its challenger.
 *
 * @throws OperatingError kind 'usage', code 'artefact', when the model cannot score such rows
 */
export function withChallenger(program: Program, artefact: Artefact): Program {
  const fields = featureFields(program.applicationSchema, artefact)
  const modelName = artefact.manifest.name
  const columns = fields.map((field) => {
    const column = program.columns.indexOf(field)
    if (column >= 0) return column
    // Every number is a column; what is one only where it is asked for was not asked for.
    const what = `rests on "${field}", which neither the champion nor the policy asks for`
    throw usageError('artefact', `model ${modelName}: ${what}`)
  })
  const tables = pointAt(artefact.tables, columns, modelName)
  const own = scoreReasonsOf(artefact, program.decisionSchema)
  const shared = sharedCode(own, program.reasons)
  if (shared !== undefined) {
    throw usageError('artefact', `model ${modelName}: its reason "${shared}" is the policy's too`)
  }
  const scoreReasons = own && withColumns(own, columns)
  const challenger = { modelName, modelHash: artefact.modelHash, tables, scoreReasons }
  return { ...program, challenger }
}

/**
 * A copy of the tables whose quantiser finds feature i in column columns[i] of a row.
 *
 * Refuses entries that would read beyond the row or write beyond the challenger's own bins: next to
 * them in memory lies what the champion decides with.
 */
function pointAt(tables: Uint8Array, columns: readonly number[], model: string): Uint8Array {
  const copy = tables.slice()
  const view = new DataView(copy.buffer)
  const binsBytes = view.getUint32(IMAGE_COLUMNS, true) * BLOCK_ROWS
  const entriesAt = view.getUint32(IMAGE_ENTRIES_AT, true)
  const entries = view.getUint32(IMAGE_ENTRIES, true)
  const refuse = (what: string) => usageError('artefact', `model ${model}: ${what}`)
  if (entriesAt + entries * ENTRY_BYTES > copy.length) {
    throw refuse(`${entries} entries of the quantiser are more than the tables hold`)
  }
  for (let i = 0; i < entries; i++) {
    const entry = entriesAt + i * ENTRY_BYTES
    const feature = view.getUint32(entry + ENTRY_FEATURE_AT, true) / 8
    const column = columns[feature]
    if (column === undefined) throw refuse(`entry ${i} of the quantiser has no feature ${feature}`)
    const written = [ENTRY_COLUMN_A, ENTRY_COLUMN_B].map((at) => view.getUint32(entry + at, true))
    if (written.some((at) => at + BLOCK_ROWS > binsBytes)) {
      throw refuse(`entry ${i} of the quantiser writes a column that there is not`)
    }
    view.setUint32(entry + ENTRY_FEATURE_AT, column * 8, true)
  }
  checkCategories(view, refuse)
  pointTwinsAt(view, columns, refuse)
  return copy
}

/** Those that a lone row looks up are entries, which were checked. */
function checkCategories(view: DataView, refuse: (what: string) => Error): void {
  const entriesAt = view.getUint32(IMAGE_ENTRIES_AT, true)
  const entriesEnd = entriesAt + view.getUint32(IMAGE_ENTRIES, true) * ENTRY_BYTES
  const listAt = view.getUint32(IMAGE_CATEGORIES_AT, true)
  const count = view.getUint32(IMAGE_CATEGORIES, true)
  if (listAt + count * 4 > view.byteLength) {
    throw refuse(`${count} splits by category are more than the tables hold`)
  }
  for (let i = 0; i < count; i++) {
    const at = view.getUint32(listAt + i * 4, true)
    if (at >= entriesAt && at < entriesEnd && (at - entriesAt) % ENTRY_BYTES === 0) continue
    throw refuse(`split ${i} by category is no entry of the quantiser`)
  }
}

/** The same of the table that a lone row is quantised by. */
function pointTwinsAt(
  view: DataView,
  columns: readonly number[],
  refuse: (what: string) => Error,
): void {
  const twinsAt = view.getUint32(IMAGE_TWINS_AT, true)
  const twins = view.getUint32(IMAGE_TWINS, true)
  if (twinsAt + twins * TWIN_BYTES > view.byteLength) {
    throw refuse(`${twins} pairs of features are more than the tables hold`)
  }
  const written = view.getUint32(IMAGE_COLUMNS, true)
  for (let i = 0; i < 2 * twins; i++) {
    const half = twinsAt + Math.floor(i / 2) * TWIN_BYTES + (i % 2) * 4
    const feature = view.getUint32(half + TWIN_FEATURE_AT, true) / 8
    const column = columns[feature]
    if (column === undefined) throw refuse(`pair ${i >> 1} of features has no feature ${feature}`)
    if ([TWIN_COLUMN_A, TWIN_COLUMN_B].some((at) => view.getUint32(half + at, true) >= written)) {
      throw refuse(`pair ${i >> 1} of features writes a column that there is not`)
    }
    view.setUint32(half + TWIN_FEATURE_AT, column * 8, true)
  }
}
