// The README's curl commands, run as they stand there against a worker: but for its address, the
// token, and what the placeholders stand for.

import { afterAll, beforeAll, expect, setDefaultTimeout, test } from 'bun:test'
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BUILD, ROOT } from '../src/paths.ts'
import { libraryPath, openLibrary } from '../src/rdkafka/library.ts'
import { MockCluster } from '../src/rdkafka/mock-cluster.ts'
import { exampleOf } from '../src/intake/openapi.ts'
import { formFields } from '../src/intake/fields.ts'
import { cli } from './support/cli.ts'
import { applicationSchema } from './support/engine.ts'
import { TOPICS } from './support/applications.ts'
import { WorkerProcess } from './support/worker-process.ts'

setDefaultTimeout(60_000)

const TOKEN = 'token-of-the-test'
const ADDRESS = 'http://127.0.0.1:8080'
const folder = mkdtempSync(join(tmpdir(), 'loanstream-curl-'))
const hasCurl = Bun.which('curl') !== null

let cluster: MockCluster
let worker: WorkerProcess
let url: string

/** Each command of the README, with its continued lines. */
const COMMANDS = readFileSync(join(ROOT, 'README.md'), 'utf8').match(/^curl (.*\\\n)*.*$/gm)!

/** What each must answer; by what is in the command, in the README's order. */
const ANSWERS: [part: string, answer: object | RegExp][] = [
  ['8080/metrics', /^# TYPE loan_records_total counter$/m],
  ['8080/model', { model: { name: 'default' }, previous: null }],
  ['{"path": "DIR"}\' http://127.0.0.1:8080/model', { model: { name: 'another' } }],
  ['POST http://127.0.0.1:8080/model/rollback', { model: { name: 'default' } }],
  ['8080/policy', { policy: { path: join(folder, 'policy.toml') } }],
  ['8080/policy/rollback', { policy: { name: 'default' } }],
  ['8080/challenger', { challenger: { name: 'another' } }],
  ['DELETE http://127.0.0.1:8080/challenger', { challenger: null }],
  ['8080/applications', { status: 'decided' }],
]

beforeAll(async () => {
  openLibrary(libraryPath(BUILD))
  cluster = new MockCluster()
  for (const topic of Object.values(TOPICS)) cluster.createTopic(topic, 1)
  worker = new WorkerProcess({
    'bootstrap.servers': cluster.bootstrapServers,
    // An embedded broker that has nothing answers only after that time.
    'fetch.wait.max.ms': 10,
    'http.intake': 'on',
    'http.token': TOKEN,
  })
  await worker.caughtUp(1)
  url = await worker.url()
  await makeAnotherModel()
  cpSync(join(ROOT, 'models/default/policy.toml'), join(folder, 'policy.toml'))
  appendFileSync(join(folder, 'policy.toml'), '\n# Another one.\n')
  writeFileSync(
    join(folder, 'application.json'),
    JSON.stringify(exampleOf(formFields(applicationSchema))),
  )
})

afterAll(async () => {
  await worker[Symbol.asyncDispose]()
  cluster[Symbol.dispose]()
  rmSync(folder, { recursive: true })
})

/** The default one under another name, so that it is another version. */
async function makeAnotherModel(): Promise<void> {
  const source = join(folder, 'source')
  cpSync(join(ROOT, 'models/default'), source, { recursive: true })
  const manifest = JSON.parse(readFileSync(join(source, 'manifest.json'), 'utf8')) as object
  writeFileSync(join(source, 'manifest.json'), JSON.stringify({ ...manifest, name: 'another' }))
  const { code, err } = await cli(['model', 'build', source, '--out', join(folder, 'another')])
  expect({ code, err }).toMatchObject({ code: 0 })
}

test('every curl command of the README is tried here', () => {
  expect(COMMANDS.length).toBe(ANSWERS.length)
})

test.skipIf(!hasCurl).each(COMMANDS.map((command, i) => [command, i] as const))(
  '%s',
  (command, i) => {
    const [part, answer] = ANSWERS[i]!
    expect(command.replace(/\s+/g, ' ')).toContain(part)
    const line = command
      .replaceAll(ADDRESS, url)
      .replaceAll('"DIR"', JSON.stringify(join(folder, 'another')))
      .replaceAll('"FILE"', JSON.stringify(join(folder, 'policy.toml')))
      .replace(/^curl/, 'curl --silent --show-error --fail-with-body')
    const { exitCode, stdout, stderr } = Bun.spawnSync(['bash', '-c', line], {
      cwd: folder,
      env: { PATH: process.env['PATH'], TOKEN },
    })
    const output = stdout.toString()
    expect({ exitCode, output, errors: stderr.toString() }).toMatchObject({ exitCode: 0 })
    if (answer instanceof RegExp) expect(output).toMatch(answer)
    else expect(JSON.parse(output)).toMatchObject(answer)
  },
)
