// Changing the model while there is a challenger: what does not fit together is refused, counted and
// told, and nothing changes.

import { expect, test } from 'bun:test'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeArtefact } from '../src/compiler/artefact.ts'
import { makeLog } from '../src/log.ts'
import { ModelHost } from '../src/model-host.ts'
import { loadArtefact } from '../src/scorer/artefact.ts'
import type { Program, ProgramParts } from '../src/scorer/program.ts'
import {
  artefactOf,
  decisionSchema,
  policyOf,
  schemaVersion,
  wasmModule,
} from './support/engine.ts'

const root = mkdtempSync(join(tmpdir(), 'loanstream-model-host-'))

// An enum is a column only where a feature or a rule asks for it.
const application = schemaVersion({
  type: 'record',
  name: 'LoanApplication',
  fields: [
    { name: 'application_id', type: 'string' },
    { name: 'x', type: 'double' },
    { name: 'grade', type: { type: 'enum', name: 'Grade', symbols: ['A', 'B'] } },
  ],
})
const parts: ProgramParts = { applications: [application], decisionSchema, policy: policyOf({}) }

function folderOf(name: string, features: string[]): string {
  const folder = join(root, name)
  writeArtefact(artefactOf({ features, trees: [], sigmoid: 1 }), folder)
  return folder
}

test('a model under which the challenger lacks a column is refused, counted, and changes nothing', async () => {
  const withGrade = folderOf('with', ['x', 'grade'])
  const without = folderOf('without', ['x'])
  const used: Program[] = []
  const user = {
    replaceProgram: (program: Program) => {
      used.push(program)
      return Promise.resolve()
    },
  }
  const artefact = loadArtefact(withGrade)
  const log = makeLog('error', 'json')
  const host = new ModelHost({
    module: wasmModule,
    parts,
    artefact,
    folder: withGrade,
    schemas: root,
    user,
    log,
  })
  await host.challenge(withGrade)
  const before = host.model
  const refusal: unknown = await host.load(without).catch((error: unknown) => error)
  expect(String(refusal)).toContain('rests on "grade"')
  expect([host.refusals, host.swaps, host.model]).toEqual([1, 0, before])
  expect(used.length).toBe(1)
  await host.endChallenge()
  await host.load(without)
  expect(host.model.folder).toBe(without)
})
