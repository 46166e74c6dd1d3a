// `topics` without a broker; what it does with one is in test/broker/topics.test.ts.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { cli } from '../support/cli.ts'

setDefaultTimeout(30_000)

const NOWHERE = ['--set', 'bootstrap.servers=127.0.0.1:1', '--set', 'broker.timeout.ms=1000']

test('no answer is exit code 1: no setting is wrong', async () => {
  const { code, out, err } = await cli(['topics', ...NOWHERE])
  expect({ code, out }).toEqual({ code: 1, out: '' })
  expect(err).toStartWith('error: no answer from 127.0.0.1:1: ')
  expect(err.trim()).not.toContain('\n')
})

test('fewer replicas than the default wants in sync are told', async () => {
  const { err } = await cli(['topics', ...NOWHERE, '--set', 'topic.replication.factor=1'])
  expect(err).toStartWith(
    'topic.replication.factor is 1, so topic.min.insync.replicas is 1 and not 2, its default\n',
  )
})
