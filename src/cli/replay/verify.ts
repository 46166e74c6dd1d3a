// `replay --verify`: what lies on the decisions' topic against what the recorded programs decide.

import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { usageError } from '../../errors.ts'
import { BUILD, fromRoot } from '../../paths.ts'
import { Archive } from '../../replay/archive.ts'
import { type AuditCounts, FINDINGS, type Finding } from '../../replay/audit.ts'
import { verify } from '../../replay/verify.ts'
import { offsetsIn, windowsOf } from '../../replay/window.ts'
import type { Context } from '../context.ts'
import { startProgress } from '../progress.ts'
import type { ReplayOptions } from '../replay.ts'
import { type Opened, answered, boundOf, openReader, openWindow, windowText } from './open.ts'

/** Findings that are told one by one; the rest is only counted. */
const TOLD_MAX = 100

export async function verifyWindow(options: ReplayOptions, context: Context): Promise<number> {
  const from = boundOf(options.decisionsFrom, '--decisions-from')
  const to = boundOf(options.decisionsTo, '--decisions-to')
  using opened = openWindow(options, context)
  const { config, framings, schemas, reader, topic, windows, module, size } = opened
  const decisionsTopic = config.settings['topic.decisions']
  using decisionsReader = openReader(config)
  const decided = answered(config, () => {
    const metadata = decisionsReader.metadata(decisionsTopic)
    if (!metadata) throw usageError('topic', `topic ${decisionsTopic} does not exist`)
    const both = windows
      .map(({ partition }) => partition)
      .filter((partition) => partition < metadata.partitions)
    return windowsOf(decisionsReader, decisionsTopic, both, from, to)
  })
  const findings: Finding[] = []
  const progress = startProgress('verified', offsetsIn(windows) + offsetsIn(decided))
  const startedMs = performance.now()
  const verification = {
    applications: { reader, topic, windows },
    decisions: { reader: decisionsReader, topic: decisionsTopic, windows: decided },
    recorded: await framings.recordedReaders(),
    schemas,
    archive: new Archive(framings.sources, placesOf(opened, options)),
    module,
    program: await framings.programOf(),
    size,
  }
  const onFinding = (finding: Finding) => {
    if (findings.length < TOLD_MAX) findings.push(finding)
  }
  let counts
  try {
    counts = await verify(verification, { onProgress: progress.update, onFinding })
  } finally {
    progress.stop()
  }
  const seconds = (performance.now() - startedMs) / 1000
  const ok = FINDINGS.every((kind) => counts[kind] === 0)
  if (options.json) {
    const summary = { ok, topic, decisions_topic: decisionsTopic, windows, ...counts, seconds }
    context.output.print(`${JSON.stringify({ ...summary, findings })}\n`)
  } else {
    for (const finding of findings) context.output.print(`${findingText(finding)}\n`)
    context.output.print(`${summaryText(counts, topic, windowText(windows))}\n`)
  }
  return ok ? 0 : 1
}

/** Where models and policies are looked for: where one would put them, and the settings'. */
function placesOf({ framings: { files } }: Opened, { models }: ReplayOptions): string[] {
  const usual = [join(BUILD, 'models'), fromRoot('models'), files.model, files.policy]
  return [...models, ...usual.filter((path) => existsSync(path))]
}

function findingText(finding: Finding): string {
  const { kind, partition, offset, decision_offset: at, byte, field, why } = finding
  const parts = [
    `partition ${partition}`,
    ...(offset === undefined ? [] : [`offset ${offset}`]),
    ...(at === undefined ? [] : [`decision at ${at}`]),
    ...(byte === undefined ? [] : [`byte ${byte} (${field})`]),
  ]
  return `${kind.replaceAll('_', ' ')}: ${parts.join(', ')}${why === undefined ? '' : `: ${why}`}`
}

function summaryText(
  counts: AuditCounts & { programs: number },
  topic: string,
  windows: string,
): string {
  const { applications, equal, dead_letters: dead, decisions, programs } = counts
  const wrong = FINDINGS.map((kind) => `${counts[kind]} ${kind.replaceAll('_', ' ')}`)
  return [
    `${applications} applications of ${topic} (${windows}), ${dead} of them dead letters`,
    `${decisions} decisions by ${programs} pairs of model and policy: ${equal} equal`,
    wrong.join(', '),
  ].join('\n')
}
