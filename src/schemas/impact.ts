// What rests on a field of the application: features of the model, rules and reasons of the policy.

import { isColumn } from '../avro/columns.ts'
import type { RecordSchema, Schema } from '../avro/schema.ts'
import { type Policy, fieldsOf } from '../policy/policy.ts'
import type { ArtefactManifest } from '../scorer/artefact.ts'

export type Touches = {
  /** Features of the model. */
  features: string[]
  /** Rules of the policy, such as `rules[1] LOAN_TO_INCOME_ABOVE_MAXIMUM`. */
  rules: string[]
  /** Reason codes that decisions give. */
  reasons: string[]
  /** Whether each of the features still has a number to rest on. */
  modelKeepsInputs: boolean
}

export const TOUCHES_NOTHING: Touches = {
  features: [],
  rules: [],
  reasons: [],
  modelKeepsInputs: true,
}

/** A field that the model or the policy needs, and what needs it. */
export type Need = { field: string; what: string; rule: 'MODEL_INPUT_LOST' | 'POLICY_INPUT_LOST' }

/** What decides, as far as it names fields. */
export class Impact {
  readonly modelName: string
  private readonly features: ArtefactManifest['features']
  private readonly catalogue: NonNullable<ArtefactManifest['reasons']>['codes']
  private readonly policy: Policy

  constructor(manifest: ArtefactManifest, policy: Policy) {
    this.modelName = manifest.name
    this.features = manifest.features
    this.catalogue = manifest.reasons?.codes ?? []
    this.policy = policy
  }

  /**
   * What a change of the application at a path touches; at '' all of it.
   *
   * @param next  the application after the change
   */
  ofApplication(path: string, next: Schema): Touches {
    const { rules, cutoffs } = this.policy.file
    const features = this.features.filter(({ field }) => overlaps(field, path))
    const touched = rules.flatMap((rule, i) =>
      fieldsOf(rule).some((field) => overlaps(field, path)) ? [{ rule, i }] : [],
    )
    // The cut-offs are on the margin, which rests on every feature.
    const ofMargin = features.length > 0 ? [cutoffs.reject_code, cutoffs.refer_code] : []
    const ofScore = this.catalogue.filter(({ features: own }) =>
      features.some(({ name }) => Object.hasOwn(own, name)),
    )
    const ofRules = touched.map(({ rule }) => rule.code)
    const codes = [...ofRules, ...ofMargin, ...this.ofTraining(features)]
    return {
      features: features.map(({ name }) => name),
      rules: touched.map(({ rule, i }) => `rules[${i}] ${rule.code}`),
      reasons: [...new Set([...codes, ...ofScore.map(({ code }) => code)])],
      modelKeepsInputs: features.every(({ field }) => isColumn(next, field)),
    }
  }

  /** What the policy says of values that training has not seen. */
  private ofTraining(features: ArtefactManifest['features']): string[] {
    const { training } = this.policy.file
    const seen = features.flatMap((feature) => feature.training ?? [])
    if (!training || seen.length === 0) return []
    const isNeverMissing = seen.some(({ missing }) => missing === 0)
    const { outside_code, missing_code } = training
    return isNeverMissing ? [outside_code, missing_code] : [outside_code]
  }

  /** What a change of the decision at a path touches: its reasons alone. */
  ofDecision(path: string): Touches {
    const { rules, cutoffs } = this.policy.file
    if (!overlaps('reasons', path)) return TOUCHES_NOTHING
    const ofPolicy = [...rules.map(({ code }) => code), cutoffs.reject_code, cutoffs.refer_code]
    const ofScore = this.catalogue.map(({ code }) => code)
    const codes = [...ofPolicy, ...this.ofTraining(this.features), ...ofScore]
    return { ...TOUCHES_NOTHING, reasons: [...new Set(codes)] }
  }

  /** What of the model's and the policy's needs the application does not meet. */
  lost(application: Schema): Need[] {
    const ofModel = this.features.map(({ name, field }): Need => ({
      field,
      what: `feature ${name}`,
      rule: 'MODEL_INPUT_LOST',
    }))
    const ofPolicy = this.policy.file.rules.flatMap((rule, i) =>
      fieldsOf(rule).map((field): Need => ({
        field,
        what: `rules[${i}] ${rule.code}`,
        rule: 'POLICY_INPUT_LOST',
      })),
    )
    return [...ofModel, ...ofPolicy].filter(({ field }) => !isColumn(application, field))
  }
}

/**
 * Whether one path is the other or leads to it. Items and values count as their field, and so does
 * what they are reduced to.
 */
function overlaps(one: string, other: string): boolean {
  const [a, b] = [one, other].map((path) => path.replaceAll(/\[\w*\]|\{\}/g, ''))
  if (a === '' || b === '') return true
  return a === b || a!.startsWith(`${b}.`) || b!.startsWith(`${a}.`)
}

/** The type of a field, which may be one of a record within. */
export function typeAt(schema: Schema, path: string): Schema | undefined {
  const names = path.split('.')
  return names.reduce<Schema | undefined>(
    (outer, name) => recordWithin(outer)?.fields.find((field) => field.name === name)?.schema,
    schema,
  )
}

/** The record itself, or the one beside null. */
function recordWithin(schema: Schema | undefined): RecordSchema | undefined {
  if (schema?.kind === 'record') return schema
  if (schema?.kind !== 'union') return undefined
  return schema.branches.find((branch) => branch.kind === 'record')
}
