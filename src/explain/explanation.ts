// Everything that can be said of one decision: made again by the same WebAssembly, and taken apart.

import { DecisionDecoder, type DecisionRecord } from '../decisions.ts'
import type { SchemaHeader } from '../avro/schema-id.ts'
import { OperatingError } from '../errors.ts'
import { explainDeadLetter } from '../pipeline/dead-letter.ts'
import type { ArtefactManifest } from '../scorer/artefact.ts'
import { Engine } from '../scorer/engine.ts'
import { columnName } from '../scorer/unit-scale.ts'
import { putSchemaHeader } from '../scorer/schema-ids.ts'
import type { Program } from '../scorer/program.ts'
import type { Explained, FeatureShare, ScoreReason } from './explained.ts'

/** One record, and the place that its decision names. */
export type Place = { topic: string; partition: number; offset: number }

export type Explanation = Explained & { decision: DecisionRecord }

/**
 * Decides one record and explains it.
 *
 * @param record  its value, and what its header names its schema by
 * @throws OperatingError kind 'fatal', code 'undecided', for one that is a dead letter
 */
export function explain(
  module: WebAssembly.Module,
  program: Program,
  manifest: ArtefactManifest,
  record: Uint8Array,
  header: SchemaHeader,
  place: Place,
): Explanation {
  const engine = new Engine(module, program, { records: 1, inputBytes: record.length + 1 })
  engine.setPartition(place.topic, place.partition)
  engine.setFirstOffset(BigInt(place.offset))
  engine.u8.set(record, engine.inputAt)
  engine.u32[engine.spansAt / 4] = engine.inputAt
  engine.u32[engine.spansAt / 4 + 1] = record.length
  putSchemaHeader(engine, 0, header)
  engine.decide(1)
  if (engine.u32[engine.statusesAt / 4] !== 0) {
    const { class: name, message } = explainDeadLetter(engine, 0, record.length)
    throw new OperatingError('fatal', 'undecided', `makes no decision: ${name}: ${message}`)
  }
  const decision = new DecisionDecoder(program.decisionSchema).decode(engine.encoded)
  const { referAbove, rejectFrom } = engine.cutoffs
  const fired = engine.policyReasons(0)
  return {
    decision,
    model: { name: program.modelName, hash: program.modelHash.toHex() },
    policy: {
      name: program.policyName,
      hash: program.policyHash.toHex(),
      refer_above: referAbove,
      reject_from: rejectFrom,
    },
    ...sharesOf(engine, manifest),
    score_reasons: scoreReasonsOf(engine, manifest, decision),
    rules: program.reasons.map(({ code, fields }, i) => ({
      code,
      fields: Object.fromEntries(fields.map((field) => [field, valueOf(engine, field)])),
      fired: fired[i]!,
    })),
  }
}

/** A column of the row. */
function valueOf(engine: Engine, column: string): number | null {
  return known(engine.f64[engine.rowsAt / 8 + engine.program.columns.indexOf(column)]!)
}

function known(value: number): number | null {
  return Number.isNaN(value) ? null : value
}

function sharesOf(engine: Engine, manifest: ArtefactManifest) {
  const { reasons } = manifest
  const shares = manifest.features.map((feature): FeatureShare => {
    const { name, field } = feature
    // As the model is given it, as the reference is.
    return { feature: name, field, value: valueOf(engine, columnName(feature)) }
  })
  if (!reasons || !engine.program.scoreReasons) return { features: shares }
  const { made_of, rows } = reasons.reference
  const margin = engine.referenceMargin
  const contributions = engine.attribute(0)
  const features = shares.map((share, i): FeatureShare => {
    const there = rows.flatMap((row) => row[i] ?? [])
    const mean = there.reduce((sum, value) => sum + value, 0) / there.length
    const { code } = reasons.codes.find((own) => Object.hasOwn(own.features, share.feature))!
    return { ...share, reference: known(mean), contribution: contributions[i]!, reason: code }
  })
  features.sort((a, b) => Math.abs(b.contribution!) - Math.abs(a.contribution!))
  return { reference: { made_of, margin }, features }
}

/** Every reason of the catalogue that weighs for or against, the greatest first. */
function scoreReasonsOf(
  engine: Engine,
  { reasons, features }: ArtefactManifest,
  { margin }: DecisionRecord,
): ScoreReason[] {
  if (!reasons) return []
  const contributions = engine.attribute(0).slice()
  const given = new Set(engine.scoreReasons(0))
  const all = reasons.codes.map(({ code, statement, hmda, features: own }, number) => {
    const parts = features.map(({ name }, i) => (Object.hasOwn(own, name) ? contributions[i]! : 0))
    const contribution = parts.reduce((sum, part) => sum + part, 0)
    const without = engine.scoreWithout(0, number)
    const withheld = contribution > 0 && !(without < margin)
    const isGiven = given.has(number)
    return {
      code,
      statement,
      hmda,
      contribution,
      margin_without: without,
      given: isGiven,
      withheld,
    }
  })
  return all
    .filter(({ contribution }) => contribution !== 0)
    .sort((a, b) => b.contribution - a.contribution)
}
