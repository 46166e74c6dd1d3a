// Standard output: what is lost is a failure, and a reader that has seen enough is none.

import { expect, setDefaultTimeout, test } from 'bun:test'
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Output } from '../../src/cli/output.ts'
import { ROOT, fromRoot } from '../../src/paths.ts'
import { loadArtefact } from '../../src/scorer/artefact.ts'

setDefaultTimeout(60_000)

const folder = mkdtempSync(join(tmpdir(), 'loanstream-output-'))
const MAIN = `${process.execPath} src/main.ts`
const hasFull = existsSync('/dev/full')

/** The names of the model's features, and a row that has none of them. */
function rowsFile(): string {
  const path = join(folder, 'rows.csv')
  const { features } = loadArtefact(fromRoot('build/models/default')).manifest
  const names = features.map(({ name }) => name)
  writeFileSync(path, `${names.join()}\n${names.map(() => '').join()}\n`)
  return path
}

/** A line of shell in the project's folder. */
async function shell(script: string) {
  const child = Bun.spawn(['bash', '-c', script], { cwd: ROOT, stdout: 'pipe', stderr: 'pipe' })
  const [out, err] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ])
  return { code: await child.exited, out, err }
}

test.skipIf(!hasFull)(
  'a result that cannot be written is exit code 1 and one sentence',
  async () => {
    const input = join(folder, 'none.jsonl')
    writeFileSync(input, '')
    const commands = [
      'demo -n 100 --rate 0 --json',
      'demo -n 100 --rate 0',
      `decide -i ${input} -o ${join(folder, 'out.jsonl')} --json`,
      'demo --help',
      '--version',
      'schema list',
      'schema list --json',
      'schema docs',
      'schema fingerprint schemas/loan_application/1.avsc',
      'schema check',
      'model inspect models/default',
      'model verify models/default',
      `model score --model models/default --input ${rowsFile()}`,
    ]
    for (const command of commands) {
      const { code, err } = await shell(`${MAIN} ${command} > /dev/full`)
      expect({ command, code }).toEqual({ command, code: 1 })
      expect(err).toStartWith('error: cannot write to standard output: ENOSPC')
      expect(err.trim()).not.toContain('\n')
    }
  },
)

test('a reader that has seen enough ends the demo, quietly and without a failure', async () => {
  const { code, out, err } = await shell(`set -o pipefail; ${MAIN} demo | head -1`)
  expect({ code, err }).toEqual({ code: 0, err: '' })
  expect(out).toStartWith('loanstream demo: ')
})

test('nobody reads the summary: the code is that of the command', async () => {
  const missing = join(folder, 'missing.jsonl')
  const run = (input: string) =>
    shell(
      `${MAIN} decide -i ${input} -o ${join(folder, 'out.jsonl')} --json | true; exit $PIPESTATUS`,
    )
  writeFileSync(join(folder, 'one.jsonl'), '')
  expect(await run(join(folder, 'one.jsonl'))).toEqual({ code: 0, out: '', err: '' })
  expect((await run(missing)).code).toBe(2)
})

test('all is written, also to a pipe that is full for a while', async () => {
  const line = 'x'.repeat(1023)
  const module = JSON.stringify(join(ROOT, 'src/cli/output.ts'))
  const code = `import { Output } from ${module}; const o = new Output(); for (let i = 0; i < 1000; i++) o.print(${JSON.stringify(`${line}\n`)})`
  const path = join(folder, 'print.ts')
  writeFileSync(path, code)
  const { out } = await shell(`${process.execPath} ${path} | (sleep 0.5; cat)`)
  expect(out.length).toBe(1024 * 1000)
})

test('nothing is written once something was lost', () => {
  const path = join(folder, 'read-only')
  writeFileSync(path, '')
  const descriptor = openSync(path, 'r')
  const output = new Output(descriptor)
  output.print('a')
  expect(output.failure).toMatchObject({ kind: 'fatal', code: 'output' })
  const first = output.failure
  closeSync(descriptor)
  output.print('b')
  expect(output.failure).toBe(first)
  expect(readFileSync(path, 'utf8')).toBe('')
})
