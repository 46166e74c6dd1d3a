// `dlq` on a real broker: letters that a worker wrote, found, looked at, exported, and sent once more
// exactly once, over kill -9 and beside another sender.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import avsc from 'avsc'
import { parse } from 'csv-parse/sync'
import { LatestLetters } from '../../src/letters.ts'
import { BUILD, ROOT } from '../../src/paths.ts'
import { AssignedReader } from '../../src/rdkafka/assigned-reader.ts'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import { ANY_PARTITION, Producer } from '../../src/rdkafka/producer.ts'
import type { RawHeader, RawRecord } from '../../src/rdkafka/record.ts'
import {
  type Input,
  expectedOutcomes,
  header,
  makeInputs,
  readTopic,
  untilUncommitted,
} from '../support/applications.ts'
import { cli } from '../support/cli.ts'
import { KafkaCluster } from '../support/kafka.ts'
import { WorkerProcess } from '../support/worker-process.ts'

const PARTITIONS = 3
const LARGE_BYTES = 30_000
/** Of a schema that nobody knows. */
const LARGE = new Uint8Array(LARGE_BYTES).fill(7)
LARGE.set([0xc3, 0x01])
const MANY = 3000

setDefaultTimeout(120_000)

const unavailable = KafkaCluster.unavailable()
const bytes = (text: string) => new TextEncoder().encode(text)
/** On every input: one of text, one that is no text, one without a value, and one of our own names. */
const HEADERS: RawHeader[] = [
  ['channel', bytes('branch 7')],
  ['raw', Uint8Array.of(0xff, 0x00, 0x1b)],
  ['nothing', null],
  ['loanstream.error.class', bytes('theirs')],
]

describe.skipIf(unavailable !== undefined)(
  `dlq${unavailable ? ` (skipped: ${unavailable})` : ''}`,
  () => {
    let cluster: KafkaCluster
    let inputs: Input[]
    const folder = mkdtempSync(join(tmpdir(), 'loanstream-dlq-'))

    const settings = (name: string) => ({
      'bootstrap.servers': cluster.bootstrapServers,
      'group.id': name,
      'topic.applications': name,
      'topic.decisions': `${name}.out`,
      'topic.dead.letters': `${name}.dlq`,
      'topic.dead.letters.sent': `${name}.sent`,
    })

    const setsOf = (name: string) =>
      Object.entries(settings(name)).flatMap(([key, value]) => ['--set', `${key}=${value}`])

    const dlq = (name: string, command: string, ...args: string[]) =>
      cli(['dlq', command, ...args, ...setsOf(name)])

    async function dlqJson<T>(name: string, command: string, ...args: string[]): Promise<T> {
      const { out, err } = await dlq(name, command, ...args, '--json')
      if (out === '') throw new Error(err)
      return JSON.parse(out) as T
    }

    function sendWithHeaders(topic: string, all: readonly Input[]): void {
      const producer = new Producer({ 'bootstrap.servers': cluster.bootstrapServers })
      for (const { partition, key, value } of all) {
        while (!producer.produceWithHeaders(topic, partition, key, value, HEADERS)) {
          producer.poll(10)
        }
      }
      expect(producer.flush(30_000)).toBe(true)
      producer.destroy()
    }

    /** Topics of a name, the inputs on them, and a worker's letters about these. */
    async function makeLetters(
      name: string,
      all: readonly Input[],
      config: Record<string, string> = {},
    ): Promise<void> {
      await cluster.createTopic(name, { partitions: PARTITIONS })
      await cluster.createTopic(`${name}.out`, { partitions: PARTITIONS })
      await cluster.createTopic(`${name}.dlq`, { partitions: PARTITIONS, config })
      sendWithHeaders(name, all)
      await using worker = new WorkerProcess(settings(name))
      await worker.reaches('loan_records_total', all.length, 60_000)
      expect(await worker.stop()).toBe(0)
    }

    const committed = (topic: string) =>
      readTopic(cluster.bootstrapServers, topic, PARTITIONS).flat()

    /** Records with the bytes of their headers. */
    function rawRecords(topic: string): RawRecord[] {
      const properties = {
        'bootstrap.servers': cluster.bootstrapServers,
        'group.id': 'test',
        'isolation.level': 'read_committed',
      }
      using reader = new AssignedReader(properties, 10_000)
      const records: RawRecord[] = []
      for (let partition = 0; partition < PARTITIONS; partition++) {
        const { low, high } = reader.bounds(topic, partition)
        const stream = reader.open(topic, partition, low, high, { records: 100, inputBytes: 1e6 })
        while (stream.next() > 0) {
          for (let i = 0; i < stream.count; i++) records.push(stream.record(i))
        }
      }
      return records
    }

    /** What must be a letter: where it lay, its class and its bytes. */
    function expectedLetters(name: string, all: readonly Input[]) {
      return expectedOutcomes(all, name).flatMap((outcomes, partition) => {
        const own = all.filter((input) => input.partition === partition)
        return outcomes.flatMap((outcome, offset) =>
          'deadLetter' in outcome ? [{ offset, ...own[offset]!, ...outcome.deadLetter }] : [],
        )
      })
    }

    beforeAll(async () => {
      openLibrary(libraryPath(BUILD))
      cluster = await KafkaCluster.start()
      inputs = makeInputs(300, PARTITIONS, 0.3)
      inputs.splice(150, 0, { partition: 1, key: bytes('large'), value: LARGE })
      await makeLetters('loans', inputs, { 'max.message.bytes': '20000' })
    })
    afterAll(() => cluster.stop())

    test('list tells class, place and size of each letter and counts them, and none of the data', async () => {
      const due = expectedLetters('loans', inputs)
      const { code, out } = await dlq('loans', 'list', '--json', '--limit', '1000')
      expect(code).toBe(0)
      const list = JSON.parse(out) as List
      expect(list.total).toBe(due.length)
      const seen = list.letters.map((it) => [it.record, it.class, it.byte, it.value_bytes, it.sent])
      const wanted = due.map((it) => {
        const at = `loans/${it.partition}/${it.offset}`
        return [at, it.class, it.byte ?? null, it.value.length, false]
      })
      expect(sorted(seen)).toEqual(sorted(wanted))
      const dropped = list.letters.filter((letter) => letter.value_dropped)
      expect(dropped.map((letter) => letter.value_bytes)).toEqual([LARGE_BYTES])
      for (const [name, count] of Object.entries(list.classes)) {
        expect(due.filter((letter) => letter.class === name).length).toBe(count)
      }
      const table = await dlq('loans', 'list', '--limit', '5')
      expect(table.out).toMatch(new RegExp(`\nall +${due.length}\n`))
      for (const text of [table.out, out]) {
        for (const { key } of due) expect(text).not.toContain(new TextDecoder().decode(key))
        expect(text).not.toContain('branch 7')
      }
    })

    test('letters are chosen by class, partition, offsets, time and their own offset', async () => {
      const due = expectedLetters('loans', inputs)
      const select = async (...args: string[]) => {
        const { letters } = await dlqJson<List>('loans', 'list', '--limit', '1000', ...args)
        return sorted(letters.map((letter) => letter.record))
      }
      const where = (holds: (letter: (typeof due)[number]) => boolean) =>
        sorted(due.filter(holds).map((it) => `loans/${it.partition}/${it.offset}`))
      const chosen = ['truncated', 'bad-string']
      expect(await select('--class', ...chosen)).toEqual(where((it) => chosen.includes(it.class)))
      expect(await select('--partition', '0,2')).toEqual(where((it) => it.partition !== 1))
      expect(await select('--offset', '10-40,1:60-70')).toEqual(
        where(
          ({ partition, offset }) =>
            (offset >= 10 && offset <= 40) || (partition === 1 && offset >= 60 && offset <= 70),
        ),
      )
      const before = new Date(Date.now() - 3_600_000).toISOString()
      expect(await select('--from', before)).toEqual(where(() => true))
      expect(await select('--until', before)).toEqual([])
      expect((await select('--from', '0:5', '--until', '0:9')).length).toBeGreaterThan(4)
      const wrong = await dlq('loans', 'list', '--class', 'truncatd')
      expect([wrong.code, wrong.err]).toEqual([
        2,
        'error: --class truncatd: no such class; the nearest is truncated\n',
      ])
    })

    test("what the monitor page shows is of the worker's own transactions, a few of each class", async () => {
      const due = expectedLetters('loans', inputs)
      const { letters, looked, partitions } = await new LatestLetters({
        library: libraryPath(BUILD),
        properties: {
          'bootstrap.servers': cluster.bootstrapServers,
          'group.id': 'look',
          'isolation.level': 'read_committed',
        },
        timeoutMs: 20_000,
        topic: 'loans.dlq',
        schemas: join(ROOT, 'schemas'),
      }).read()
      expect([looked, partitions]).toEqual([due.length, [PARTITIONS, PARTITIONS]])
      for (const name of new Set(due.map((letter) => letter.class))) {
        const own = letters.filter((letter) => letter.class === name)
        const there = due.filter((letter) => letter.class === name)
        expect(own.length).toBe(Math.min(4, there.length))
        const places = there.map((it) => `loans/${it.partition}/${it.offset}`)
        for (const { record, byte } of own) {
          expect(places).toContain(record!)
          expect(byte).toBe(there[places.indexOf(record!)]!.byte ?? null)
        }
      }
      const [large] = letters.filter(({ droppedBytes }) => droppedBytes !== null)
      expect([large!.droppedBytes, large!.bytes, large!.hex]).toEqual([LARGE_BYTES, null, []])
      expect(large!.headers).toEqual([
        ['channel', '"branch 7"'],
        ['raw', 'hex ff001b'],
        ['nothing', 'none'],
        ['loanstream.error.class', '"theirs"'],
      ])
    })

    test('inspect shows bytes, headers, the fields up to the fault, and what the worker says now', async () => {
      const due = expectedLetters('loans', inputs)
      const letter = due.find((it) => it.class === 'truncated' && it.byte! > 40)!
      const place = `${letter.partition}:${letter.offset}`
      const { out } = await dlq('loans', 'inspect', '--offset', place)
      expect(out).toContain(`record   loans/${letter.partition}/${letter.offset}\n`)
      expect(out).toContain(`class    truncated, at byte ${letter.byte}\n`)
      expect(out).toContain('header   channel: "branch 7"\n')
      expect(out).toContain('header   raw: hex ff001b\n')
      expect(out).toContain('header   nothing: none\n')
      expect(out).toContain('header   loanstream.error.class: "theirs"\n')
      const id = new TextDecoder().decode(letter.key)
      expect(out).toContain(`  byte    10  application_id = "${id}"\n`)
      expect(out).toMatch(new RegExp(`  byte +${letter.byte}  truncated   <\n`))
      expect(out).toContain('00000000  c3  01 ')
      const json = await dlqJson<{ value: string; key: string; now: string }>(
        'loans',
        'inspect',
        '--offset',
        place,
      )
      expect(json.value).toBe(Buffer.from(letter.value).toString('base64'))
      expect(json.now).toStartWith('truncated: ')
      const large = await dlq('loans', 'inspect', '--partition', '1', '--offset', largePlace())
      expect(large.out).toContain(`value    ${LARGE_BYTES} bytes, read from the record's own place`)
    })

    function largePlace(): string {
      const own = inputs.filter(({ partition }) => partition === 1)
      return String(own.findIndex(({ value }) => value.length === LARGE_BYTES))
    }

    test('export writes the same letters as JSON lines, CSV and Avro', async () => {
      const due = expectedLetters('loans', inputs).filter((it) => it.value.length < LARGE_BYTES)
      const file = (ending: string) => join(folder, `letters.${ending}`)
      for (const ending of ['jsonl', 'csv', 'avro']) {
        expect((await dlq('loans', 'export', '-o', file(ending))).code).toBe(0)
      }
      const lines = readFileSync(file('jsonl'), 'utf8').trim().split('\n')
      const json = lines.map((line) => JSON.parse(line) as Exported)
      const row = (it: Exported) => [it.partition, it.offset, it.class, it.key, it.value]
      const base64 = (value: Uint8Array) => Buffer.from(value).toString('base64')
      const wanted = due.map((it) => {
        return [it.partition, it.offset, it.class, base64(it.key), base64(it.value)]
      })
      expect(sorted(json.filter((it) => it.dropped_bytes === null).map(row))).toEqual(
        sorted(wanted),
      )
      expect(json[0]!.headers).toEqual(
        HEADERS.map(([name, value]) => [name, value && base64(value)]),
      )
      const rows: Record<string, string>[] = parse(readFileSync(file('csv')), { columns: true })
      expect(rows.map((it) => [it['class'], it['value'], it['headers']])).toEqual(
        json.map((it) => [it.class, it.value ?? '', JSON.stringify(it.headers)]),
      )
      const avro = await readAvro(file('avro'))
      expect<unknown>(avro.map((it) => [it['offset'], it['value'] && base64(it['value'])])).toEqual(
        json.map((it) => [it.offset, it.value]),
      )
    })

    test('replay sends each letter once, as it came, with where it comes from; a dry run sends none', async () => {
      await cluster.createTopic('repaired', { partitions: PARTITIONS })
      const due = expectedLetters('loans', inputs)
      const chosen = ['--class', 'truncated', 'unknown-framing', '--to', 'repaired']
      const some = due.filter((it) => ['truncated', 'unknown-framing'].includes(it.class))
      const dry = await dlqJson<Sent>('loans', 'replay', ...chosen, '--dry-run')
      expect(dry).toMatchObject({ dry_run: true, sent: some.length, sent_before: 0 })
      expect(committed('repaired')).toEqual([])
      const first = await dlqJson<Sent>('loans', 'replay', ...chosen)
      expect(first).toMatchObject({ sent: some.length, sent_before: 0, gone: 0, refused: 0 })
      const again = await dlqJson<Sent>('loans', 'replay', ...chosen)
      expect(again).toMatchObject({ sent: 0, sent_before: some.length })

      const records = rawRecords('repaired')
      const seen = records.map(({ key, value, headers }) => {
        const from = headers.find(([name]) => name === 'loanstream.replayed.record')![1]!
        const letter = headers.find(([name]) => name === 'loanstream.replayed.letter')![1]!
        expect(new TextDecoder().decode(letter)).toStartWith('loans.dlq/')
        expect(headers.slice(0, HEADERS.length)).toEqual(HEADERS)
        expect(headers.length).toBe(HEADERS.length + 2)
        return [new TextDecoder().decode(from), hex(key), hex(value)]
      })
      const wanted = some.map((it) => {
        return [`loans/${it.partition}/${it.offset}`, hex(it.key), hex(it.value)]
      })
      expect(sorted(seen)).toEqual(sorted(wanted))
      const { letters } = await dlqJson<List>('loans', 'list', '--limit', '1000')
      expect(letters.filter((letter) => letter.sent).length).toBe(some.length)
    })

    test('a value that was left out is fetched from where it lay, or the letter is told as gone', async () => {
      const producer = new Producer({ 'bootstrap.servers': cluster.bootstrapServers })
      const headers = Object.entries({
        'loanstream.error.class': 'too-large',
        'loanstream.error.message': 'made up',
        'loanstream.topic': 'loans',
        'loanstream.partition': '1',
        'loanstream.offset': '99999',
        'loanstream.value.dropped.bytes': '30001',
      }).map(([name, value]): RawHeader => [name, bytes(value)])
      producer.produceWithHeaders('loans.dlq', 0, bytes('lost'), null, headers)
      producer.produceWithHeaders('loans.dlq', 0, bytes('foreign'), bytes('no letter'), [])
      expect(producer.flush(10_000)).toBe(true)
      producer.destroy()
      await cluster.createTopic('fetched', { partitions: PARTITIONS })
      const args = ['--offset', `1:${largePlace()},99999`, '--to', 'fetched']
      const { code, out, err } = await dlq('loans', 'replay', ...args, '--json')
      expect(code).toBe(1)
      expect(JSON.parse(out)).toMatchObject({ selected: 2, sent: 1, gone: 1 })
      expect(err).toMatch(/^loans\.dlq\/0\/\d+: its value was left out, and cannot be had: /)
      const [record, ...others] = committed('fetched')
      expect(others).toEqual([])
      expect(record!.value).toEqual(LARGE)
      const all = await dlqJson<Sent>('loans', 'replay', '--all', '--dry-run')
      expect(all.skipped).toBe(1)
    })

    test('one that the target refuses is told, and takes no other along', async () => {
      await cluster.createTopic('narrow', {
        partitions: PARTITIONS,
        config: { 'max.message.bytes': '2000' },
      })
      const key = (text: string) => ({ partition: 0, key: bytes(text) })
      const some = ['a', 'b', 'c'].map((it) => ({ ...key(it), value: bytes('bad') }))
      some.splice(1, 0, { ...key('wide'), value: new Uint8Array(4000) })
      await makeLetters('mixed', some)
      const { code, out } = await dlq('mixed', 'replay', '--all', '--to', 'narrow', '--json')
      expect(code).toBe(1)
      expect(JSON.parse(out)).toMatchObject({ sent: 3, refused: 1 })
      const keys = committed('narrow').map((record) => new TextDecoder().decode(record.key!))
      expect(keys.sort()).toEqual(['a', 'b', 'c'])
    })

    test('killed with -9 in mid-run, again and again, every letter is sent exactly once', async () => {
      // First of all: its leaders are asked by a client that does not ask again.
      await cluster.createTopic('many.again', { partitions: PARTITIONS })
      await makeLetters('many', makeInputs(MANY, PARTITIONS, 1))
      const { total } = await dlqJson<List>('many', 'list')
      expect(total).toBe(MANY)
      const args = ['dlq', 'replay', '--all', '--to', 'many.again', ...setsOf('many')]
      for (const sent of [200, 800]) {
        const child = Bun.spawn([process.execPath, 'src/main.ts', ...args, '--rate', '1500'], {
          cwd: ROOT,
          stdio: ['ignore', 'ignore', 'ignore'],
          env: { PATH: process.env['PATH'] },
        })
        await untilUncommitted(cluster.bootstrapServers, 'many.again', PARTITIONS, sent)
        child.kill('SIGKILL')
        await child.exited
        expect(child.exitCode).not.toBe(0)
      }
      const before = committed('many.again').length
      expect(before).toBeGreaterThan(0)
      expect(before).toBeLessThan(MANY)
      const last = await dlqJson<Sent>('many', 'replay', '--all', '--to', 'many.again')
      // What a killed one had committed without living to tell is among those sent before.
      expect(last.sent + last.sent_before).toBe(MANY)
      const records = committed('many.again')
      const places = records.map((record) => header(record, 'loanstream.replayed.record'))
      expect(records.length).toBe(MANY)
      expect(new Set(places).size).toBe(MANY)
    })

    test('a sender that hangs in mid-transaction is fenced by the next, and sends nothing', async () => {
      await makeLetters('hung', makeInputs(60, PARTITIONS, 1))
      await cluster.createTopic('hung.again', { partitions: PARTITIONS })
      const zombie = new Producer({
        'bootstrap.servers': cluster.bootstrapServers,
        'transactional.id': 'loanstream-dlq-replay-hung.dlq',
      })
      zombie.initTransactions(10_000)
      zombie.beginTransaction()
      const half = { key: bytes('half'), value: bytes('sent') }
      zombie.produce('hung.again', ANY_PARTITION, half.key, half.value)
      expect(zombie.flush(10_000)).toBe(true)
      const sent = await dlqJson<Sent>('hung', 'replay', '--all', '--to', 'hung.again')
      expect(sent.sent).toBe(60)
      expect(() => zombie.commitTransaction(10_000)).toThrow(/FENCED/)
      zombie.destroy()
      expect(committed('hung.again').length).toBe(60)
    })

    test('marks that time would delete are refused', async () => {
      const config = { 'cleanup.policy': 'delete' }
      await cluster.createTopic('forgets', { partitions: 1, config })
      const args = ['--all', '--to', 'repaired', '--set', 'topic.dead.letters.sent=forgets']
      const { code, err } = await cli(['dlq', 'replay', ...setsOf('loans'), ...args])
      expect([code, err]).toEqual([2, expect.stringContaining('cleanup.policy is delete')])
    })
  },
)

type List = {
  total: number
  classes: Record<string, number>
  letters: {
    record: string
    class: string
    byte: number | null
    value_bytes: number
    value_dropped: boolean
    sent: boolean
  }[]
}

type Sent = Record<'selected' | 'sent' | 'sent_before' | 'gone' | 'refused' | 'skipped', number>

type Exported = {
  partition: number
  offset: number
  class: string
  key: string
  value: string | null
  dropped_bytes: number | null
  headers: [string, string | null][]
}

function readAvro(path: string): Promise<Record<string, never>[]> {
  return new Promise((resolve, reject) => {
    const records: Record<string, never>[] = []
    avsc
      .createFileDecoder(path)
      .on('data', (record: Record<string, never>) => records.push(record))
      .on('error', reject)
      .on('end', () => resolve(records))
  })
}

function hex(value: Uint8Array | null): string {
  return Buffer.from(value ?? []).toString('hex')
}

function sorted(rows: readonly unknown[]): string[] {
  return rows.map((row) => JSON.stringify(row)).sort()
}
