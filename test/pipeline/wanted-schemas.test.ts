// What a worker asks for, and what it remembers of the answers.

import { expect, test } from 'bun:test'
import type { SchemaId } from '../../src/avro/schema-id.ts'
import { WantedSchemas } from '../../src/pipeline/wanted-schemas.ts'

const NONE = new Map<SchemaId, number>()

function wanted() {
  const asked: SchemaId[][] = []
  return { asked, schemas: new WantedSchemas((ids) => asked.push(ids)) }
}

test('it waits until each id that was asked for is known, or is said to be none', () => {
  const { asked, schemas } = wanted()
  expect(schemas.isWaiting(NONE)).toBeFalse()
  schemas.ask([1, 'a-guid', 3])
  expect(asked).toEqual([[1, 'a-guid', 3]])
  schemas.learn([{ id: 1, why: 'no 1', forMs: 60_000 }])
  expect(schemas.isWaiting(NONE)).toBeTrue()
  expect(schemas.isWaiting(new Map([['a-guid', 0]]))).toBeTrue()
  schemas.learn([{ id: 3, why: 'no 3', forMs: 0 }])
  expect(schemas.isWaiting(NONE)).toBeFalse()
})

test('an id that is none is not due again before its time, and keeps its reason after', () => {
  const { schemas } = wanted()
  schemas.learn([
    { id: 1, why: 'no 1', forMs: 60_000 },
    { id: 2, why: 'no 2', forMs: 0 },
  ])
  expect(schemas.due([1, 2, 3])).toEqual([2, 3])
  expect([1, 2].map((id) => schemas.whyUnknown(id))).toEqual(['no 1', 'no 2'])
  expect(schemas.whyUnknown(3)).toBe("no schema is known of the registry's id 3")
})

test('what is given up is not waited for', () => {
  const { schemas } = wanted()
  schemas.ask([1])
  schemas.giveUp()
  expect(schemas.isWaiting(NONE)).toBeFalse()
})

test('it remembers ten thousand, as ids are set by whoever writes', () => {
  const { schemas } = wanted()
  const ids = Array.from({ length: 10_001 }, (_, id) => id)
  schemas.learn(ids.map((id) => ({ id, why: 'none', forMs: 60_000 })))
  expect(schemas.due(ids)).toEqual([0])
})
