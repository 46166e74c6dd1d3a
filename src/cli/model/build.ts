// `model build`: a trainer's model to an artefact, which is written only when every probe, and
// every row of the trainer's own predictions, scores as it must.

import { basename } from 'node:path'
import { closest } from 'fastest-levenshtein'
import { isColumn, numericPaths } from '../../avro/columns.ts'
import { loadSchemaVersions, newest } from '../../avro/schema-files.ts'
import { writeArtefact } from '../../compiler/artefact.ts'
import type { Parity } from '../../compiler/gate.ts'
import type { ModelSource } from '../../compiler/model-source.ts'
import { makeStandalone } from '../../compiler/standalone.ts'
import { usageError } from '../../errors.ts'
import { MODULE_PATH, STANDALONE_PATH, fromRoot } from '../../paths.ts'
import { loadModule } from '../../scorer/module.ts'
import { wrongInUnit } from '../../scorer/units.ts'
import type { Output } from '../output.ts'
import { compareExpected, differenceText } from './expected.ts'
import { buildWithProgress } from './load.ts'

export type BuildCommandOptions = {
  manifest?: string
  out: string
  expected?: string
  standalone: boolean
  /** Folder of schemas; false when the features need be no fields of an application. */
  schemas: string | false
  json: boolean
}

/** Source: LightGBM, GBDT::Predict and PredictRaw (src/boosting/gbdt_prediction.cpp). */
const SUM_HINT =
  "; of a random forest the mean of its trees is due, while LightGBM's raw_score is their sum"

export async function build(
  path: string,
  options: BuildCommandOptions,
  output: Output,
): Promise<number> {
  const startedMs = performance.now()
  const { artefact, source, forest, parity } = buildWithProgress(path, options.manifest)
  if (options.schemas !== false) checkFields(source, options.schemas)
  const expectedRows = options.expected ? await gate(options.expected, artefact, forest) : 0
  const standalone = options.standalone
    ? makeStandalone(forest, artefact, STANDALONE_PATH)
    : undefined
  const manifest = writeArtefact(artefact, options.out, standalone)
  const seconds = (performance.now() - startedMs) / 1000
  if (options.json) {
    const { name, model, tables } = manifest
    const figures = { trees: manifest.trees, leaves: manifest.leaves, columns: manifest.columns }
    const proof = { ...manifest.parity, edges: parity.edges, expected_rows: expectedRows }
    const written = { tables, standalone: manifest.standalone ?? null }
    const summary = { name, model, ...figures, parity: proof, ...written, seconds }
    output.print(`${JSON.stringify(summary)}\n`)
    return 0
  }
  const rows = options.expected ? `, and ${expectedRows} rows of ${basename(options.expected)}` : ''
  const files = [manifest.tables, ...(manifest.standalone ? [manifest.standalone] : [])]
  const text = [
    `${manifest.name}: ${manifest.trees} trees, ${manifest.leaves} leaves, ${manifest.columns} columns`,
    `  parity: ${parity.probes} probes${rows}, to the last bit; ` +
      `${parity.leavesReached} of ${parity.leaves} leaves reached`,
    `  ${edgesText(parity.edges)}`,
    `  model: ${manifest.model}`,
    ...files.map(({ file, bytes }) => `  ${options.out}/${file}: ${bytes} bytes`),
    `  in ${seconds.toFixed(2)} s`,
  ]
  output.print(`${text.join('\n')}\n`)
  return 0
}

function edgesText({ edges, tried, unreachable, alike }: Parity['edges']): string {
  const left = edges - tried - unreachable - alike
  const others = [
    ...(unreachable > 0 ? [`${unreachable} no row can come by`] : []),
    ...(alike > 0 ? [`${alike} with nothing to tell the sides by`] : []),
    ...(left > 0 ? [`${left} beyond the limit on probes`] : []),
  ]
  return [`splits: tried at ${tried} of ${edges} values where they change sides`, ...others].join(
    ', ',
  )
}

/** @throws OperatingError code 'parity' with the first row that differs */
async function gate(
  path: string,
  artefact: Parameters<typeof compareExpected>[2],
  forest: Parameters<typeof compareExpected>[3],
): Promise<number> {
  const { rows, differing, first } = await compareExpected(
    path,
    loadModule(MODULE_PATH),
    artefact,
    forest,
  )
  if (differing === 0) return rows
  const all = `${differing} of ${rows} rows differ, nothing was written`
  const hint = forest?.averaged ? SUM_HINT : ''
  throw usageError('parity', `${differenceText(path, first[0]!)} (${all})${hint}`)
}

/** Every feature must rest on a number of the newest application: workers have nothing else. */
function checkFields(source: ModelSource, schemas: string): void {
  const folder = schemas === 'schemas' ? fromRoot(schemas) : schemas
  const schema = newest(loadSchemaVersions(`${folder}/loan_application`))
  for (const [i, feature] of source.features.entries()) {
    const { name, field } = feature
    if (isColumn(schema.schema, field)) {
      const wrong = wrongInUnit(schema.schema, feature)
      if (!wrong) continue
      throw usageError('model', `${source.placeOf(i)}: feature "${name}" ${wrong} (${schema.path})`)
    }
    const what = `feature "${name}" rests on "${field}", which is no numeric field of ${schema.path}`
    const nearest = closest(field, numericPaths(schema.schema))
    const hint = `the nearest is "${nearest}"; --no-schemas leaves this check out`
    throw usageError('model', `${source.placeOf(i)}: ${what}; ${hint}`)
  }
}
