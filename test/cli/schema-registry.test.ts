// `schema` against a real registry: its versions checked, ids listed, records decoded by their id.

import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ByteWriter } from '../../src/avro/bytes.ts'
import { registryHeader } from '../../src/avro/schema-id.ts'
import type { Json } from '../../src/avro/schema.ts'
import { RegistryClient } from '../../src/registry/client.ts'
import { cli } from '../support/cli.ts'
import { applicationSchema, decisionSchema } from '../support/engine.ts'
import { RegistryFront } from '../support/registry-front.ts'
import { Registry } from '../support/registry.ts'

setDefaultTimeout(90_000)

const reason = Registry.unavailable()
const folder = mkdtempSync(join(tmpdir(), 'loanstream-schema-registry-'))
afterAll(() => rmSync(folder, { recursive: true }))

type Fields = { fields: { [key: string]: Json }[] }

/** The first application's schema, changed. */
function applicationOf(change: (schema: Fields) => void): Json {
  const json = structuredClone(applicationSchema.json) as Fields
  change(json)
  return json as unknown as Json
}

describe.skipIf(reason !== undefined)(`with a registry${reason ? ` (${reason})` : ''}`, () => {
  let registry: Registry
  let client: RegistryClient

  beforeAll(async () => {
    registry = await Registry.start()
    client = new RegistryClient({ url: registry.url, timeoutMs: 10_000, unknownMs: 0 })
  })
  afterAll(async () => registry.stop())

  const check = (...args: string[]) =>
    cli([
      'schema',
      'check',
      '--registry',
      registry.url,
      ...args,
      '--set',
      'topic.applications=apps',
    ])

  test('the newest versions are checked after those of the topics’ subjects', async () => {
    expect((await check()).code).toBe(0)
    // What was written before had no amount: the newest cannot read it.
    await client.register(
      'apps-value',
      applicationOf(({ fields }) => fields.splice(3, 1)),
    )
    await client.register('apps-value', applicationSchema.json)
    const { code, out } = await check('--json')
    expect(code).toBe(1)
    const { compatible, findings } = JSON.parse(out) as {
      compatible: boolean
      findings: { path: string; rule: string; message: string }[]
    }
    expect(compatible).toBeFalse()
    expect(findings.map(({ rule }) => rule)).toEqual(['READER_FIELD_MISSING_DEFAULT_VALUE'])
    expect(findings[0]!.message).toStartWith(
      'schemas/loan_application/1.avsc reading apps-value:1: ',
    )
    // Of the one before alone it is compatible.
    const backward = await check('--mode', 'BACKWARD', '--subject', 'apps-value')
    expect([backward.code, backward.out]).toEqual([
      0,
      expect.stringContaining(
        '1.avsc after apps-value, 2 registered versions, BACKWARD: compatible',
      ),
    ] as never)
  })

  test('a file is checked after a subject, and told what the model loses', async () => {
    await client.register('loans', applicationSchema.json)
    const path = join(folder, 'next.avsc')
    const without = applicationOf((schema) => {
      schema.fields = schema.fields.filter(({ name }) => name !== 'annual_income')
    })
    writeFileSync(path, JSON.stringify(without))
    const { code, out } = await check(path, '--subject', 'loans')
    expect(code).toBe(1)
    expect(out).toContain('MODEL_INPUT_LOST')
    expect(out).toContain('loses annual_income')
  })

  test('what does not go together, is not there, or does not answer, has its code', async () => {
    const cases: [string[], code: number, says: string][] = [
      [['--subject', 'nobody'], 2, 'the registry has no subject nobody'],
      [['a.avsc'], 2, 'a.avsc needs --subject'],
      [['a.avsc', 'b.avsc'], 2, '--registry goes with one file or none'],
      [['--git', 'HEAD'], 2, '--registry and --git are two checks'],
    ]
    for (const [args, code, says] of cases) {
      const result = await check(...args)
      expect([result.code, result.err]).toEqual([code, expect.stringContaining(says)] as never)
    }
    const other = await cli(['schema', 'check', '--subject', 'x'])
    expect([other.code, other.err]).toEqual([2, 'error: --subject goes with --registry\n'])
    using front = new RegistryFront(registry)
    const down = await cli(['schema', 'check', '--registry', front.url])
    expect([down.code, down.err]).toEqual([1, expect.stringContaining(front.url)] as never)
    front.authorization = 'Bearer x'
    front.up()
    const refused = await cli(['schema', 'check', '--registry', front.url])
    expect([refused.code, refused.err]).toEqual([2, expect.stringContaining('401')] as never)
    const secret = await cli(['schema', 'check', '--registry', 'http://me:my-secret@127.0.0.1'])
    expect(secret.code).toBe(2)
    expect(secret.err).not.toContain('my-secret')
  })

  test('list has the ids of what is registered', async () => {
    const id = await client.register('loan_decisions-value', decisionSchema.json)
    const url = `schema.registry.url=${registry.url}`
    const { code, out } = await cli(['schema', 'list', '--json', '--set', url])
    expect(code).toBe(0)
    const rows = JSON.parse(out) as { record: string; id: number | null }[]
    expect(rows.map((row) => [row.record, row.id])).toEqual([
      ['loan_application', null],
      ['loan_decision', id],
    ])
    expect((await cli(['schema', 'list', '--set', url])).out).toMatch(
      new RegExp(`^loan_application  1  [0-9a-f]{16}  -  .*\\nloan_decision  1  .*  ${id}  `),
    )
  })

  test('decode looks ids up, one behind the other and a line each', async () => {
    const point = (type: string): Json => {
      return { type: 'record', name: 'Point', fields: [{ name: 'x', type }] }
    }
    const int = await client.register('int', point('int'))
    const double = await client.register('double', point('double'))
    const first = new ByteWriter().raw(registryHeader(int)).long(1).take()
    const second = new ByteWriter().raw(registryHeader(double)).double(0.5).take()
    const settings = ['--set', `schema.registry.url=${registry.url}`]
    const decode = ['schema', 'decode', '--framing', 'registry', ...settings]
    const input = join(folder, 'records.bin')
    writeFileSync(input, Buffer.concat([first, second, first]))
    const all = await cli([...decode, '--input', input])
    expect([all.code, all.out]).toEqual([0, '{"x":1}\n{"x":0.5}\n{"x":1}\n'])
    const unknown = registryHeader(4711)
    const lines = [first, unknown, second, Buffer.from('01')].map((bytes) => bytes.toHex())
    const byLine = await cli([...decode, '--hex', '--input', '-'], {}, lines.join('\n'))
    expect(byLine.out).toBe(
      '{"x":1}\n{"error":"unknown-schema","byte":1}\n{"x":0.5}\n{"error":"unknown-framing","byte":0}\n',
    )
  })
})
