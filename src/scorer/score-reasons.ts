// The reasons that a model's scores give: its attribution image, and each reason of its catalogue
// as decisions state it.

import {
  ATTRIBUTION_BINS_BYTES,
  ATTRIBUTION_CAUSES_AT,
  ATTRIBUTION_FACTORS_AT,
  ATTRIBUTION_FEATURES,
  ATTRIBUTION_REASONS,
  ATTRIBUTION_TREES,
  CAUSE_BYTES,
  CAUSE_LENGTH,
  CAUSE_TEXT,
  FACTOR_BYTES,
  FACTOR_VALUE_AT,
  PARTED_BYTES,
} from '../../assembly/attribution-layout.ts'
import { encodeReason } from '../avro/encode-plan.ts'
import type { SchemaVersion } from '../avro/schema-files.ts'
import type { Reason } from '../records.ts'
import type { Artefact } from './artefact.ts'

export type ScoreReasons = {
  /** See assembly/attribution-layout.ts. */
  image: Uint8Array
  /** In the catalogue's order. */
  reasons: Reason[]
  /** The same, Avro-encoded. */
  texts: Uint8Array[]
  /** Reasons that a decision states at most. */
  atMost: number
}

/**
 * What a decision says for a reason: its code, and of its features the fields of those that the
 * model splits on, as the others were not scored.
 *
 * @returns undefined for a model without a catalogue
 */
export function scoreReasonsOf(
  { manifest, attribution }: Artefact,
  decisionSchema: SchemaVersion,
): ScoreReasons | undefined {
  if (!attribution || !manifest.reasons) return undefined
  const { codes, at_most: atMost } = manifest.reasons
  const reasons = codes.map(({ code, features }) => {
    const scored = manifest.features.filter(({ name, splits }) => {
      return splits > 0 && Object.hasOwn(features, name)
    })
    return { code, fields: scored.map(({ field }) => field) }
  })
  const texts = reasons.map((reason) => encodeReason(decisionSchema, reason))
  return { image: attribution, reasons, texts, atMost }
}

/** The first code that both a policy and the model's catalogue have. */
export function sharedCode(
  own: ScoreReasons | undefined,
  policyReasons: readonly Reason[],
): string | undefined {
  const codes = new Set(own?.reasons.map(({ code }) => code))
  return policyReasons.find(({ code }) => codes.has(code))?.code
}

/** A copy whose features are found in other columns of a row. */
export function withColumns(own: ScoreReasons, columns: readonly number[]): ScoreReasons {
  const image = own.image.slice()
  const view = new DataView(image.buffer)
  const factorsAt = view.getUint32(ATTRIBUTION_FACTORS_AT, true)
  for (const [i, column] of columns.entries()) {
    view.setUint32(factorsAt + i * FACTOR_BYTES + FACTOR_VALUE_AT, column * 8, true)
  }
  return { ...own, image }
}

/** Most bytes that they take in a decision. */
export function scoreReasonBytes({ texts, atMost }: ScoreReasons): number {
  const lengths = texts.map((text) => text.length).sort((a, b) => b - a)
  return lengths.slice(0, atMost).reduce((sum, length) => sum + length, 0)
}

/** Bytes of the scratch: values, amounts, moved bins and marks (see assembly/reasons.ts). */
export function scratchBytes({ image }: ScoreReasons): number {
  const view = new DataView(image.buffer, image.byteOffset)
  const u32 = (at: number) => view.getUint32(at, true)
  const features = u32(ATTRIBUTION_FEATURES)
  const marks = Math.max(features, u32(ATTRIBUTION_TREES) * PARTED_BYTES)
  return (features + u32(ATTRIBUTION_REASONS)) * 8 + u32(ATTRIBUTION_BINS_BYTES) + marks
}

/** Copies the image to its address, with the texts' addresses. */
export function placeScoreReasons(
  view: DataView,
  { image, texts }: ScoreReasons,
  imageAt: number,
  textsAt: readonly number[],
): void {
  const bytes = new Uint8Array(view.buffer)
  bytes.set(image, imageAt)
  const causesAt = imageAt + view.getUint32(imageAt + ATTRIBUTION_CAUSES_AT, true)
  for (const [i, text] of texts.entries()) {
    bytes.set(text, textsAt[i])
    view.setUint32(causesAt + i * CAUSE_BYTES + CAUSE_TEXT, textsAt[i]!, true)
    view.setUint32(causesAt + i * CAUSE_BYTES + CAUSE_LENGTH, text.length, true)
  }
}
