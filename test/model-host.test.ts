// Changing the model while there is a challenger: what does not fit together is refused, counted and
// told, and nothing changes.

import { describe, expect, test } from 'bun:test'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeArtefact } from '../src/compiler/artefact.ts'
import { makeLog } from '../src/log.ts'
import { ModelHost } from '../src/model-host.ts'
import { fromRoot } from '../src/paths.ts'
import { loadArtefact } from '../src/scorer/artefact.ts'
import type { Program, ProgramParts } from '../src/scorer/program.ts'
import {
  artefactOf,
  decisionSchema,
  policyOf,
  registered,
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

/** Takes programs as workers would. */
class Programs {
  readonly used: Program[] = []

  replaceProgram(program: Program): Promise<void> {
    this.used.push(program)
    return Promise.resolve()
  }
}

function hostOf(folder: string, user: Programs, more: Partial<ProgramParts> = {}): ModelHost {
  return new ModelHost({
    module: wasmModule,
    parts: { ...parts, ...more },
    artefact: loadArtefact(folder),
    folder,
    schemas: root,
    user,
    log: makeLog('error', 'json'),
  })
}

test('a model under which the challenger lacks a column is refused, counted, and changes nothing', async () => {
  const withGrade = folderOf('with', ['x', 'grade'])
  const without = folderOf('without', ['x'])
  const user = new Programs()
  const host = hostOf(withGrade, user)
  await host.challenge(withGrade)
  const before = host.model.version
  const refusal: unknown = await host.model.load(without).catch((error: unknown) => error)
  expect(String(refusal)).toContain('rests on "grade"')
  expect([host.model.refusals, host.model.swaps, host.model.version]).toEqual([1, 0, before])
  expect(user.used.length).toBe(1)
  await host.endChallenge()
  await host.model.load(without)
  expect(host.model.version.path).toBe(without)
})

test('a policy that was changed to stays when a registry names more schemas', async () => {
  const user = new Programs()
  const registry = { headers: false, known: new Map(), decisionId: undefined }
  const host = hostOf(folderOf('alone', ['x']), user, { registry })
  const path = join(root, 'policy.toml')
  writeFileSync(path, readFileSync(fromRoot('models/default/policy.toml'), 'utf8').split('[[')[0]!)
  await host.policy.load(path)
  await host.learn(new Map([[7, registered(application)]]))
  await host.useDecisionId(9)
  const policies = user.used.map(({ policyHash }) => policyHash.toHex())
  expect(policies).toEqual(Array.from({ length: 3 }, () => host.policy.version.hash))
  expect(host.policy.version.hash).not.toBe(parts.policy.hash.toHex())
  // And the other way round.
  await host.policy.rollBack()
  expect([...user.used.at(-1)!.framings.known.keys()]).toEqual([7])
})

describe("the challenger's folder", () => {
  /** Until the host's look at the folder has come to something. */
  async function until(holds: () => boolean): Promise<void> {
    while (!holds()) await Bun.sleep(5)
  }

  test('is watched: another artefact in it is taken, a damaged one refused, and off stays off', async () => {
    const user = new Programs()
    const host = hostOf(folderOf('champion', ['x', 'grade']), user)
    const folder = folderOf('rival', ['x'])
    const first = await host.challenge(folder)
    host.watch(5)
    // What a look finds is done before what the next one finds.
    const turn = async (swaps: number, features: string[]) => {
      folderOf('champion', features)
      await until(() => host.model.swaps === swaps)
    }
    try {
      folderOf('rival', ['grade'])
      await until(() => host.challenger !== first)
      const second = host.challenger
      writeFileSync(join(folder, 'manifest.json'), '{"artefact": 1}')
      await turn(1, ['grade', 'x'])
      await turn(2, ['x', 'grade'])
      expect(host.challenger).toBe(second!)
      await host.endChallenge()
      folderOf('rival', ['x'])
      await turn(3, ['grade', 'x'])
      await turn(4, ['x', 'grade'])
      expect(host.challenger).toBeUndefined()
    } finally {
      host.close()
    }
  })

  test('is read again with the model and the policy', async () => {
    const host = hostOf(folderOf('champion', ['x', 'grade']), new Programs())
    const first = await host.challenge(folderOf('rival', ['x']))
    folderOf('rival', ['grade'])
    await host.reload()
    expect(host.challenger).not.toBe(first)
  })
})
