// In which order the group's events are answered when they overlap, and that nothing is freed twice.
// librdkafka brings such events when a topic grows while a worker hangs, which no broker can be
// made to do at will: what it is told is written down here in its place.

import { expect, test } from 'bun:test'
import { COMMAND_DRAIN, Counters } from '../../src/metrics/counters.ts'
import type { Consumer } from '../../src/rdkafka/consumer.ts'
import type { TopicPartition } from '../../src/rdkafka/topic-partition-list.ts'
import type { ServeContext } from '../../src/supervisor/assignment.ts'
import { Membership } from '../../src/supervisor/membership.ts'
import type { ServeEnd } from '../../src/worker-thread.ts'

const RELEASE_TIMEOUT_MS = 60_000

/** A membership whose workers let go when told, and what it did. */
function membershipOf() {
  const calls: string[] = []
  const ends: (() => void)[] = []
  let queues = 0
  const names = (partitions: readonly TopicPartition[]) => partitions.map((p) => p.partition).join()
  const consumer = {
    pointer: 0,
    takePartitionQueue: () => ++queues,
    assign: (partitions: readonly TopicPartition[]) => calls.push(`assign ${names(partitions)}`),
    unassign: (partitions: readonly TopicPartition[]) =>
      calls.push(`unassign ${names(partitions)}`),
    destroyQueue: (queue: number) => calls.push(`destroy queue ${queue}`),
    wakeQueue: () => undefined,
    wakeFetchers: () => undefined,
    isAssignmentLost: () => false,
  }
  const take = () => {
    const served = Promise.withResolvers<ServeEnd>()
    ends.push(() => served.resolve({ end: 'drained' }))
    return { ready: Promise.resolve(), counters: new Counters(), serve: () => served.promise }
  }
  const failures: string[] = []
  const context = {
    consumer: consumer as unknown as Consumer,
    pool: { take, giveBack: () => calls.push('give back') },
    topics: { hasPlaceFor: () => true, refreshLeaders: () => undefined, deadLettersPartitions: 1 },
    log: { info: () => undefined, warn: () => undefined, error: () => undefined },
    events: { isRefusal: () => false },
    fail: (message: string) => failures.push(message),
  } as unknown as ServeContext
  return { membership: new Membership(context, RELEASE_TIMEOUT_MS), calls, ends, failures }
}

const at = (partition: number) => ({ topic: 'applications', partition })
const settled = () => Bun.sleep(1)

test('what comes back before it was let go is assigned after that', async () => {
  const { membership, calls, ends, failures } = membershipOf()
  membership.assign([at(0), at(3)])
  await settled()
  const revoked = membership.revoke([at(0)])
  membership.assign([at(0)])
  await settled()
  expect(calls).toEqual(['assign 0,3'])
  ends[0]!()
  await revoked
  await settled()
  expect(calls.slice(1)).toEqual(['unassign 0', 'destroy queue 1', 'give back', 'assign 0'])
  expect(membership.all().map(({ queue }) => queue)).toEqual([2, 3])
  expect(failures).toEqual([])
})

test('a partition that is revoked twice is let go once', async () => {
  const { membership, calls, ends } = membershipOf()
  membership.assign([at(0), at(3)])
  await settled()
  const both = [membership.revoke([at(0)]), membership.revoke([at(0), at(3)])]
  await settled()
  expect(membership.isLettingGo).toBe(true)
  for (const end of ends) end()
  await Promise.all(both)
  expect(membership.isLettingGo).toBe(false)
  expect(membership.size).toBe(0)
  const first = ['unassign 0', 'destroy queue 1', 'give back']
  const second = ['unassign 3', 'destroy queue 2', 'give back']
  expect(calls.slice(1)).toEqual([...first, ...second])
})

test('what came back before it was let go, and is revoked again, is let go once more', async () => {
  const { membership, calls, ends } = membershipOf()
  membership.assign([at(0)])
  await settled()
  const first = membership.revoke([at(0)])
  membership.assign([at(0)])
  const second = membership.revoke([at(0)])
  await settled()
  ends[0]!()
  await first
  await settled()
  const once = ['unassign 0', 'destroy queue 1', 'give back']
  expect(calls.slice(1)).toEqual([...once, 'assign 0'])
  expect(membership.all().map(({ thread }) => thread.counters.command)).toEqual([COMMAND_DRAIN])
  ends[1]!()
  await second
  expect(calls.slice(5)).toEqual(['unassign 0', 'destroy queue 2', 'give back'])
  expect(membership.size).toBe(0)
})

test('no other worker takes over a partition that is revoked while its own hangs', async () => {
  const { membership, calls, ends } = membershipOf()
  membership.assign([at(0)])
  await settled()
  // It hangs in a call, and is left behind; another is about to take over.
  membership.get(at(0))!.leave()
  await settled()
  await membership.revoke([at(0)])
  expect(ends.length).toBe(1)
  expect(calls.slice(1)).toEqual(['unassign 0', 'destroy queue 1', 'give back'])
})
