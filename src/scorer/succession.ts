// What must hold when schema files change under a running worker: history is never edited, and what
// could be read still can.

import type { SchemaVersion } from '../avro/schema-files.ts'
import { usageError } from '../errors.ts'
import type { Program, ProgramParts } from './program.ts'

/** @throws OperatingError kind 'usage', code 'schema', naming the file */
export function checkHistory(before: ProgramParts, after: ProgramParts): void {
  for (const old of before.applications) {
    checkKept(
      old,
      after.applications.find(({ version }) => version === old.version),
    )
  }
  const { decisionSchema } = after
  if (decisionSchema.version <= before.decisionSchema.version) {
    checkKept(before.decisionSchema, decisionSchema)
  }
}

function checkKept(old: SchemaVersion, now: SchemaVersion | undefined): void {
  if (now?.version !== old.version) throw usageError('schema', `${old.path}: was removed`)
  if (JSON.stringify(now.json) === JSON.stringify(old.json)) return
  throw usageError('schema', `${old.path}: was edited; a change belongs in a version of its own`)
}

/** @throws OperatingError kind 'usage', code 'schema', naming the writer and the place in it */
export function checkReadable(before: Program, after: Program): void {
  for (const { fingerprint, name, plan } of before.writers) {
    const now = after.writers.find((it) => it.fingerprint === fingerprint && it.name === name)
    if (!plan || now?.plan) continue
    throw usageError('schema', `${name} could no longer be read: ${now?.refusal ?? 'not there'}`)
  }
}

/** Whether there is anything new. */
export function isSame(before: ProgramParts, after: ProgramParts): boolean {
  return (
    before.applications.length === after.applications.length &&
    before.decisionSchema.version === after.decisionSchema.version
  )
}
