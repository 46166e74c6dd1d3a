// What bad input gets: one line that names what is wrong and the nearest right name, and exit code
// 2.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cli } from '../support/cli.ts'

setDefaultTimeout(30_000)

const BROKER = 'bootstrap.servers=127.0.0.1:1'

function file(name: string, content: string): string {
  const path = join(mkdtempSync(join(tmpdir(), 'loanstream-usage-')), name)
  writeFileSync(path, content)
  return path
}

type Case = [what: string, args: string[], environment: Record<string, string>, says: string[]]

const RATE = '0 or a number from 0.001 to 1000000000'
const FILES = 'decide -i x.csv -o x.jsonl'
const OUT_OF_BOUNDS: [args: string, option: string, bounds: string][] = [
  ['demo --applications 0', '--applications', 'from 1 on'],
  ['demo --applications 9007199254740992', '--applications', 'from 1 on'],
  ['demo --rate -1', '--rate', RATE],
  ['demo --rate 0.0001', '--rate', RATE],
  ['demo --rate Infinity', '--rate', RATE],
  ['demo --partitions 0', '--partitions', 'from 1 to 256'],
  ['demo --partitions 257', '--partitions', 'from 1 to 256'],
  ['demo --poison 2', '--poison', 'from 0 to 1'],
  ['demo --poison half', '--poison', 'from 0 to 1'],
  ['demo --seed 1.5', '--seed', 'from 0 on'],
  ['demo --port 65536', '--port', 'from 0 to 65535'],
  ['produce --generate many', '--generate', 'from 0 on'],
  ['produce --generate 5 --seed -3', '--seed', 'from 0 on'],
  ['produce --generate 5 --rate 1e300', '--rate', RATE],
  ['produce --generate 5 --rate 0x10', '--rate', RATE],
  [`${FILES} --partition 2147483648`, '--partition', 'from 0 to 2147483647'],
  [`${FILES} --partition 99999999999`, '--partition', 'from 0 to 2147483647'],
  [`${FILES} --offset 9007199254740991`, '--offset', 'from 0 to 4503599627370496'],
]

const CASES: Case[] = [
  ['an unknown command', ['wrker'], {}, ['wrker', 'worker']],
  ['an unknown option', ['worker', '--sett', 'a=b'], {}, ['--sett', '--set']],
  [
    'an unknown option of the demo',
    ['demo', '--aplications', '3'],
    {},
    ['--aplications', '--applications'],
  ],
  ['a worker without a broker', ['worker'], {}, ['bootstrap.servers']],
  ['topics without a broker', ['topics'], {}, ['bootstrap.servers']],
  ['produce without a broker', ['produce', '--generate', '1'], {}, ['bootstrap.servers']],
  [
    'a worker with a broker for its consumer alone',
    ['worker', '--set', `consumer.${BROKER}`],
    {},
    ['bootstrap.servers', 'for the producer'],
  ],
  [
    'produce with a broker for the consumer alone',
    ['produce', '--generate', '1', '--set', `consumer.${BROKER}`],
    {},
    ['bootstrap.servers', 'for the producer'],
  ],
  [
    'more replicas in sync than there are',
    ['topics', '--set', BROKER, '--set', 'topic.min.insync.replicas=4'],
    {},
    ['topic.min.insync.replicas is 4 (from --set)', 'topic.replication.factor is 3'],
  ],
  ['an empty group', ['worker', '--set', BROKER, '--set', 'group.id='], {}, ['group.id is empty']],
  ['no brokers in the list', ['worker', '--set', 'bootstrap.servers='], {}, ['is empty']],
  [
    'a host that is none',
    ['worker', '--set', BROKER, '--set', 'http.host=999.1.1.1'],
    {},
    ['http.host', '999.1.1.1', 'IP address'],
  ],
  [
    'an unknown setting',
    ['worker', '--set', 'comit.interval.ms=5'],
    {},
    ['comit.interval.ms', 'commit.interval.ms'],
  ],
  [
    'an unknown variable',
    ['worker'],
    { LOANSTREAM_BOOTSTRAP_SERVER: 'a:1' },
    ['LOANSTREAM_BOOTSTRAP_SERVERS'],
  ],
  ['a value out of range', ['worker', '--set', 'http.port=99999'], {}, ['http.port', '--set']],
  [
    'a value of the wrong type',
    ['worker', '--set', 'batch.records=many'],
    {},
    ['batch.records', 'many'],
  ],
  [
    'a reserved property',
    ['worker', '--set', 'enable.auto.commit=true'],
    {},
    ['enable.auto.commit', 'with the decisions'],
  ],
  [
    'embedded brokers in production',
    ['worker', '--set', 'test.mock.num.brokers=3'],
    {},
    ['test.mock.num.brokers', 'demo'],
  ],
  [
    'a bad value of librdkafka',
    ['worker', '--set', BROKER, '--set', 'compression.codec=zip'],
    {},
    ['compression.codec', 'zip'],
  ],
  [
    'a configuration that is not there',
    ['worker', '--config', 'nowhere.toml'],
    {},
    ['nowhere.toml'],
  ],
  [
    'a configuration that does not parse',
    ['worker', '--config', file('bad.toml', 'a = 1\nb = = 2\n')],
    {},
    ['bad.toml:2:'],
  ],
  [
    'a misspelt key in the configuration',
    ['worker', '--config', file('c.toml', '[http]\nprot = 1\n')],
    {},
    ['http.prot', 'http.port', 'c.toml'],
  ],
  [
    'a model that is not there',
    ['worker', '--set', BROKER, '--set', 'model.path=nowhere'],
    {},
    ['nowhere'],
  ],
  [
    'a policy that names an unknown field',
    ['worker', '--set', BROKER, '--set', `policy.path=${badPolicy()}`],
    {},
    ['rules[0]', 'credit_scor', 'credit_score'],
  ],
  [
    'a schema that does not parse',
    ['worker', '--set', BROKER, '--set', `schemas.path=${badSchemas()}`],
    {},
    ['1.avsc:2:'],
  ],
  ['an unknown command for models', ['model', 'inspct', 'x'], {}, ['inspct', 'inspect']],
  [
    'an unknown option for models',
    ['model', 'build', 'x', '--out', 'y', '--standalon'],
    {},
    ['--standalon', '--standalone'],
  ],
  ['a model that is not there', ['model', 'inspect', 'nowhere.txt'], {}, ['nowhere.txt', 'ENOENT']],
  ['a build to nowhere', ['model', 'build', 'x'], {}, ['--out']],
  [
    'a cut-off that is no number',
    ['model', 'diff', 'a', 'b', '-i', 'x.csv', '--cutoff', 'low'],
    {},
    ['--cutoff', 'number'],
  ],
  [
    'two kinds of cut-off',
    ['model', 'diff', 'a', 'b', '-i', 'x.csv', '--cutoff', '-1', '--policy', 'p.toml'],
    {},
    ['--policy', '--cutoff'],
  ],
  ['decide without an output', ['decide', '--input', 'x.csv'], {}, ['--output']],
  [
    'an input of an unknown kind',
    ['decide', '-i', 'x.parquet', '-o', 'x.jsonl'],
    {},
    ['x.parquet', '.csv'],
  ],
  [
    'an output of an unknown kind',
    ['decide', '-i', 'x.csv', '-o', 'x.parquet'],
    {},
    ['x.parquet', '.jsonl'],
  ],
  ['neither a file nor --generate', ['produce', '--set', BROKER], {}, ['--generate']],
  ['an unknown command of schema', ['schema', 'chek'], {}, ['chek', 'check']],
  ['an unknown option of schema check', ['schema', 'check', '--jsn'], {}, ['--jsn', '--json']],
  ['an unknown mode', ['schema', 'check', '--mode', 'BACK'], {}, ['BACK', 'BACKWARD']],
  ['one file and nothing to compare with', ['schema', 'check', 'a.avsc'], {}, ['a.avsc', '--git']],
  [
    'two files and a revision',
    ['schema', 'check', 'a.avsc', 'b.avsc', '--git', 'HEAD'],
    {},
    ['--git'],
  ],
  ['three files', ['schema', 'check', 'a', 'b', 'c'], {}, ['2 arguments']],
  ['a revision that there is not', ['schema', 'check', '--git', 'nowhere'], {}, ['nowhere']],
  [
    'a schema with a mistake',
    ['schema', 'fingerprint', file('x.avsc', '{"type": "array", "items": "integer"}')],
    {},
    ['x.avsc: $.items', 'integer'],
  ],
  ['no schema at all', ['schema', 'fingerprint', 'nowhere.avsc'], {}, ['nowhere.avsc']],
  ['an unknown record', ['schema', 'docs', 'loan'], {}, ['loan_application']],
  [
    'a number that is none',
    ['demo', '--applications', 'ten'],
    {},
    ['--applications', 'whole number'],
  ],
  ...OUT_OF_BOUNDS.map(([args, option, bounds]): Case => {
    return [args, args.split(' '), {}, [option, bounds]]
  }),
  [
    'nothing but poison, and decisions to wait for',
    ['demo', '--poison', '1', '--applications', '5'],
    {},
    ['--poison', '--applications'],
  ],
]

function badPolicy(): string {
  const cutoffs =
    '[cutoffs]\nreject_from = 1\nreject_code = "A"\nrefer_above = 0\nrefer_code = "B"\n'
  const scorecard = '[scorecard]\noffset = 1\nfactor = 1\nlowest = 0\nhighest = 9\n'
  const rule = '[[rules]]\ncode = "C"\noutcome = "reject"\nfield = "credit_scor"\nbelow = 1\n'
  return file('policy.toml', `version = 1\nname = "bad"\n${scorecard}${cutoffs}${rule}`)
}

function badSchemas(): string {
  const folder = mkdtempSync(join(tmpdir(), 'loanstream-schemas-'))
  Bun.spawnSync(['mkdir', join(folder, 'loan_application')])
  writeFileSync(join(folder, 'loan_application', '1.avsc'), '{\n  "type": }\n')
  return folder
}

describe('exit code 2 and one line that helps', () => {
  test.each(CASES)('%s', async (_, args, environment, says) => {
    const { code, out, err } = await cli(args, environment)
    expect({ code, out }).toEqual({ code: 2, out: '' })
    for (const text of says) expect(err).toContain(text)
    expect(err.trim().split('\n').length).toBeLessThanOrEqual(2)
    expect(err).not.toContain('    at ')
  })
})

test('the program explains itself with exit code 0', async () => {
  const { code, out } = await cli(['--help'])
  expect(code).toBe(0)
  expect(out).toContain('Usage: loanstream')
})
