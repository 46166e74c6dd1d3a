// A copy of the project's schemas to change, as a folder of its own or a git repository.

import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import type { Json } from '../../src/avro/schema.ts'
import { fromRoot } from '../../src/paths.ts'
import { loadPolicy } from '../../src/policy/policy.ts'
import { Checker } from '../../src/schemas/check.ts'
import { Impact } from '../../src/schemas/impact.ts'
import { loadArtefact } from '../../src/scorer/artefact.ts'

export type FieldJson = { name: string; type: Json; [key: string]: Json }
export type RecordJson = { name: string; fields: FieldJson[]; [key: string]: Json }

const impact = new Impact(
  loadArtefact(fromRoot('build/models/default')).manifest,
  loadPolicy(fromRoot('models/default/policy.toml')),
)

export class SchemaFolder implements Disposable {
  /** Also the git repository, when there is one. */
  readonly root = mkdtempSync(join(tmpdir(), 'loanstream-schemas-'))
  readonly folder = join(this.root, 'schemas')

  constructor() {
    cpSync(fromRoot('schemas'), this.folder, { recursive: true })
  }

  [Symbol.dispose](): void {
    rmSync(this.root, { recursive: true, force: true })
  }

  get checker(): Checker {
    return new Checker(this.folder, impact)
  }

  path(name: string): string {
    return join(this.folder, name)
  }

  read(name: string): RecordJson {
    return JSON.parse(readFileSync(this.path(name), 'utf8')) as RecordJson
  }

  write(name: string, json: Json): void {
    mkdirSync(dirname(this.path(name)), { recursive: true })
    writeFileSync(this.path(name), JSON.stringify(json))
  }

  /** Writes the second version of a record: the first, changed. */
  change(record: string, change: (json: RecordJson) => void): void {
    const json = this.read(`${record}/1.avsc`)
    change(json)
    this.write(`${record}/2.avsc`, json)
  }

  /** Commits everything, in a repository that is made at the first commit. */
  commit(): void {
    const author = ['-c', 'user.name=test', '-c', 'user.email=test@example.org']
    for (const args of [
      ['init', '-q'],
      ['add', '-A'],
      [...author, 'commit', '-q', '-m', 'schemas'],
    ]) {
      const { exitCode, stderr } = Bun.spawnSync(['git', ...args], { cwd: this.root })
      if (exitCode !== 0) throw new Error(`git ${args.join(' ')}: ${stderr.toString()}`)
    }
  }
}

export function field(json: RecordJson, name: string): FieldJson {
  const found = json.fields.find((it) => it.name === name)
  if (!found) throw new Error(`there is no field ${name}`)
  return found
}

export function remove(json: RecordJson, name: string): void {
  json.fields = json.fields.filter((it) => it.name !== name)
}
