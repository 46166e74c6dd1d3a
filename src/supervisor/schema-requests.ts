// What workers wait for of a schema registry: asked for on their behalf, for as long as they have
// their partition.

import type { SchemaId } from '../avro/schema-id.ts'
import { messageOf } from '../errors.ts'
import type { Log } from '../log.ts'
import type { UnknownId } from '../pipeline/wanted-schemas.ts'
import type { Waiting } from '../registry/lookup.ts'
import type { WorkerThread } from '../worker-thread.ts'
import type { Membership } from './membership.ts'

/** Brings schemas that records name by a registry's ids; returns those that there are not. */
export type BringSchemas = (ids: SchemaId[], waiting: Waiting) => Promise<UnknownId[]>

export type SchemaRequestsContext = {
  membership: Membership
  log: Log
  isStopping: () => boolean
  fail: (message: string, cause?: unknown) => void
}

export class SchemaRequests {
  private readonly bring: BringSchemas | undefined
  private readonly context: SchemaRequestsContext

  constructor(bring: BringSchemas | undefined, context: SchemaRequestsContext) {
    this.bring = bring
    this.context = context
  }

  /** Answers a thread that waits for schemas. */
  async answer(thread: WorkerThread, ids: SchemaId[]): Promise<void> {
    const { membership, log, isStopping, fail } = this.context
    const assignment = membership.all().find((it) => it.thread === thread)
    if (!assignment) return
    const { topic, partition } = assignment
    const waiting: Waiting = {
      isWanted: () =>
        membership.get(assignment) === assignment && assignment.thread === thread && !isStopping(),
      onDelay: (why) => {
        assignment.waitsFor = why
        log.warn(`partition ${partition} of ${topic} waits: ${why}`)
      },
    }
    try {
      thread.tellUnknown((await this.bring?.(ids, waiting)) ?? [])
    } catch (error) {
      fail(`schemas of the registry cannot be used: ${messageOf(error)}`, error)
    }
    if (assignment.waitsFor === '') return
    assignment.waitsFor = ''
    log.info({ topic, partition }, 'the registry answers again')
  }

  /** Which partition waits, and for what, or ''. */
  get delay(): string {
    const waiting = this.context.membership.all().find(({ waitsFor }) => waitsFor !== '')
    if (!waiting) return ''
    return `partition ${waiting.partition} of ${waiting.topic} waits: ${waiting.waitsFor}`
  }
}
