// `schema check` without its words: which versions must be readable as which, what is in the way,
// and what that touches.

import { readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { incompatibilities, typeText } from '../avro/compatibility.ts'
import { type Mode, pairsOf } from '../avro/modes.ts'
import { type SchemaVersion, loadSchemaVersions, newest } from '../avro/schema-files.ts'
import { type Json, type Schema, parseSchema } from '../avro/schema.ts'
import { type SharedTypes, loadSharedTypes, withSharedTypes } from '../avro/shared-types.ts'
import { usageError } from '../errors.ts'
import { parseSchemaJson, readSchemaJson } from '../avro/schema-json.ts'
import { type Change, changesOf } from './changes.ts'
import { type Committed, committedFile, committedFiles } from './git.ts'
import { type Impact, TOUCHES_NOTHING, type Touches, typeAt } from './impact.ts'
import { APPLICATION, DECISION, recordNames } from './records.ts'

export type Finding = {
  path: string
  rule: string
  /** Both types, for people. */
  reader: string
  writer: string
  message: string
  touches: Touches
}

/** A change, compatible or not, and what it touches. */
type TouchingChange = Change & { touches: Touches }

/** What was found in a record's versions, or in two files. */
export type Checked = {
  title: string
  mode: Mode
  findings: Finding[]
  /** From the version before the newest, or from what was committed, to the newest. */
  changes: TouchingChange[]
  /** Whether the model is asked: only about applications. */
  asksModel: boolean
}

/** A schema and what it is called in messages. */
type Named = { path: string; schema: Schema }

/**
 * Applications are written by many and read here, by the newest version alone: it must read all of
 * them. Decisions are written here, by the newest version, and read by others, who change when
 * they like and find every older decision on the topic: both ways, over all versions.
 */
function defaultMode(record: string): Mode {
  return record === APPLICATION ? 'BACKWARD_TRANSITIVE' : 'FULL_TRANSITIVE'
}

export class Checker {
  private readonly folder: string
  private readonly impact: Impact
  private readonly shared: SharedTypes

  /** @param folder  of the schemas, with a folder a record */
  constructor(folder: string, impact: Impact) {
    this.folder = folder
    this.impact = impact
    this.shared = loadSharedTypes(folder)
  }

  /**
   * Checks every record's versions against each other.
   *
   * @param revision  also that nothing committed there was edited, and that the newest fits it
   * @param mode      in place of the record's own
   */
  all(mode: Mode | undefined, revision: string | undefined): Checked[] {
    const committed: Committed =
      revision === undefined ? new Map<string, string>() : committedFiles(this.folder, revision)
    const known = recordNames(this.folder)
    const gone = [...committed.keys()].map((name) => dirname(name)).filter((it) => it !== '.')
    const records = [...new Set([...known, ...gone])].sort()
    const checked = records.map((record) =>
      known.includes(record)
        ? this.record(record, mode ?? defaultMode(record), committed, revision)
        : this.removedRecord(record, mode ?? defaultMode(record), committed),
    )
    const shared = [...committed].filter(([name]) => dirname(name) === '.')
    const findings = shared.flatMap(([name, text]) => this.edited(name, text, undefined) ?? [])
    if (findings.length === 0) return checked
    const title = 'shared types'
    return [...checked, { title, mode: 'FULL', findings, changes: [], asksModel: false }]
  }

  /** Checks two files; what they say of applications or decisions is told as such. */
  files(oldPath: string, newPath: string, mode: Mode): Checked {
    const read = (path: string) => this.parse(readSchemaJson(path), path)
    return this.two(read(oldPath), read(newPath), mode, `${newPath} after ${oldPath}`)
  }

  /** Checks a file against what it was at a revision. */
  file(path: string, revision: string, mode: Mode): Checked {
    const text = committedFile(dirname(path), revision, basename(path))
    if (text === undefined) throw usageError('git', `${path}: is not in ${revision}`)
    const before = this.committedSchema(path, text, revision)
    const after = this.parse(readSchemaJson(path), path)
    return this.two(before, after, mode, `${path} after ${revision}`)
  }

  /**
   * Checks a file, or the newest version, against what a registry has.
   *
   * @param registered  the subject's versions, oldest first
   * @param record      whose newest version it is; undefined: that of the registered ones' name
   */
  registered(
    registered: readonly { path: string; json: Json }[],
    subject: string,
    record: string | undefined,
    path: string | undefined,
    mode: Mode | undefined,
  ): Checked {
    const before = registered.map((it) => ({
      path: it.path,
      schema: parseSchema(it.json, it.path),
    }))
    const last = before.at(-1)
    const file = path === undefined ? undefined : this.parse(readSchemaJson(path), path)
    const named = file ?? last
    const of = record ?? (named && this.recordOf(named.schema))
    const after = file ?? (of && newest(loadSchemaVersions(join(this.folder, of))))
    if (!after) throw usageError('option', `no record has the name of ${subject}: give a file`)
    const due = mode ?? (of ? defaultMode(of) : 'BACKWARD')
    const findings = pairsOf([...before, after], due).flatMap((pair) =>
      this.compare(pair.reader, pair.writer, of, after.schema),
    )
    const asksModel = of === APPLICATION && !due.startsWith('FORWARD')
    if (asksModel) findings.push(...this.lost(after))
    const count = `${before.length} registered version${before.length === 1 ? '' : 's'}`
    const title = `${after.path} after ${subject}, ${count}`
    const changes = last ? this.changes(last, after, of) : []
    return { title, mode: due, findings, changes, asksModel }
  }

  private two(before: Named, after: Named, mode: Mode, title: string): Checked {
    const record = this.recordOf(before.schema) ?? this.recordOf(after.schema)
    const findings = pairsOf([before, after], mode).flatMap((pair) =>
      this.compare(pair.reader, pair.writer, record, after.schema),
    )
    const isApplication = record === APPLICATION
    // Of writers alone that change, the model sees nothing.
    const asksModel = isApplication && !mode.startsWith('FORWARD')
    if (asksModel) findings.push(...this.lost(after))
    return { title, mode, findings, changes: this.changes(before, after, record), asksModel }
  }

  private record(
    record: string,
    mode: Mode,
    committed: Committed,
    revision: string | undefined,
  ): Checked {
    const versions = loadSchemaVersions(join(this.folder, record))
    const latest = newest(versions)
    const findings = pairsOf(versions, mode).flatMap((pair) =>
      this.compare(pair.reader, pair.writer, record, latest.schema),
    )
    let before: Named | undefined = versions.at(-2)
    for (const [name, text] of committed) {
      if (dirname(name) !== record) continue
      const edited = this.edited(name, text, record, versions)
      if (!edited) continue
      findings.push(edited)
      const old = this.committedSchema(join(this.folder, name), text, revision!)
      const pairs = pairsOf([old, latest], mode)
      findings.push(
        ...pairs.flatMap((it) => this.compare(it.reader, it.writer, record, latest.schema)),
      )
      before = old
    }
    const asksModel = record === APPLICATION
    if (asksModel) findings.push(...this.lost(latest))
    const count = `${versions.length} version${versions.length === 1 ? '' : 's'}`
    const changes = before ? this.changes(before, latest, record) : []
    return { title: `${record}, ${count}`, mode, findings, changes, asksModel }
  }

  private removedRecord(record: string, mode: Mode, committed: Committed): Checked {
    const names = [...committed].filter(([name]) => dirname(name) === record)
    const findings = names.flatMap(([name, text]) => this.edited(name, text, record) ?? [])
    return { title: `${record}, removed`, mode, findings, changes: [], asksModel: false }
  }

  /** A finding when a committed file is not there as it was. */
  private edited(
    name: string,
    text: string,
    record: string | undefined,
    versions: readonly SchemaVersion[] = [],
  ): Finding | undefined {
    const path = join(this.folder, name)
    const now = readIfThere(path)
    if (now === text) return undefined
    const next = `${Math.max(0, ...versions.map(({ version }) => version)) + 1}.avsc`
    const how = record === undefined ? 'a type of another name' : `a version of its own, ${next}`
    const schema = versions.find((version) => version.path === path)?.schema
    return {
      path: '$',
      rule: 'HISTORY_EDITED',
      reader: now === undefined ? 'absent' : schema ? typeText(schema) : 'edited',
      writer: 'committed',
      message: `${path}: was ${now === undefined ? 'removed' : 'edited'} after it was committed; a change belongs in ${how}`,
      touches: schema ? this.touches('', record, schema) : TOUCHES_NOTHING,
    }
  }

  private compare(
    reader: Named,
    writer: Named,
    record: string | undefined,
    next: Schema,
  ): Finding[] {
    return incompatibilities(reader.schema, writer.schema).map((found) => ({
      path: found.path || '$',
      rule: found.rule,
      reader: found.reader,
      writer: found.writer,
      message: `${reader.path} reading ${writer.path}: ${found.message}`,
      touches: this.touches(found.path, record, next),
    }))
  }

  /** What the model and the policy would no longer find: the worker would not start with it. */
  private lost({ path, schema }: Named): Finding[] {
    return this.impact.lost(schema).map(({ field, what, rule }) => {
      const type = typeAt(schema, field)
      const is = type ? `is ${typeText(type)}` : 'is not there'
      return {
        path: field,
        rule,
        reader: type ? typeText(type) : 'absent',
        writer: 'number',
        message: `${path}: ${what} rests on ${field}, which must be a number and ${is}`,
        touches: this.touches(field, APPLICATION, schema),
      }
    })
  }

  private changes(before: Named, after: Named, record: string | undefined): TouchingChange[] {
    if (before.schema.kind !== 'record' || after.schema.kind !== 'record') return []
    return changesOf(before.schema, after.schema).map((change) => ({
      ...change,
      touches: this.touches(change.path, record, after.schema),
    }))
  }

  private touches(path: string, record: string | undefined, next: Schema): Touches {
    if (record === APPLICATION) return this.impact.ofApplication(path, next)
    return record === DECISION ? this.impact.ofDecision(path) : TOUCHES_NOTHING
  }

  /** Which of our records a schema is a version of, by its name. */
  private recordOf(schema: Schema): string | undefined {
    if (schema.kind !== 'record') return undefined
    return recordNames(this.folder).find((record) => {
      const own = newest(loadSchemaVersions(join(this.folder, record))).schema
      return own.name === schema.name
    })
  }

  private parse(json: Json, path: string): Named {
    return { path, schema: parseSchema(withSharedTypes(json, this.shared), path) }
  }

  private committedSchema(path: string, text: string, revision: string): Named {
    const place = `${revision}:${path}`
    return this.parse(parseSchemaJson(text, place), place)
  }
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
