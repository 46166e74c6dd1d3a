// Completion as the shells themselves do it: bash always, fish and zsh where they are installed.

import { beforeAll, describe, expect, setDefaultTimeout, test } from 'bun:test'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { cli } from '../support/cli.ts'

setDefaultTimeout(30_000)

const folder = mkdtempSync(join(tmpdir(), 'loanstream-completion-'))
const has = (shell: string) => Bun.which(shell) !== null
const titled = (shell: string) => `${shell}${has(shell) ? '' : ` (skipped: there is no ${shell})`}`

async function scriptFor(shell: string): Promise<string> {
  const { code, out } = await cli(['completion', shell])
  expect(code).toBe(0)
  const path = join(folder, `script.${shell}`)
  writeFileSync(path, out)
  return path
}

type Case = [line: string, offered: string[]]

const CASES: Case[] = [
  ['wo', ['worker']],
  ['dlq ', ['export', 'inspect', 'list', 'replay']],
  ['model bu', ['build']],
  ['worker --co', ['--config']],
  ['worker --set http.por', ['http.port=']],
  ['worker --set commit.records=5 --co', ['--config']],
  ['monitor --outcome ref', ['referred']],
  ['monitor --limit dlq --fol', ['--follow']],
  ['completion ', ['bash', 'fish', 'zsh']],
  ['dlq replay --dry', ['--dry-run']],
]

function run(command: string[], environment: Record<string, string> = {}): string[] {
  const { exitCode, stdout, stderr } = Bun.spawnSync(command, {
    cwd: folder,
    env: { PATH: process.env['PATH'], HOME: folder, ...environment },
  })
  expect({ exitCode, stderr: stderr.toString() }).toEqual({ exitCode: 0, stderr: '' })
  const lines = stdout.toString().split('\n')
  return lines.filter((line) => line !== '').sort()
}

const IN_BASH = `
  source "$SCRIPT"
  read -ra COMP_WORDS <<< "loanstream $LINE"
  [[ $LINE == *' ' ]] && COMP_WORDS+=('')
  COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
  _loanstream
  printf '%s\\n' "\${COMPREPLY[@]}"`

describe.skipIf(!has('bash'))(titled('bash'), () => {
  let script: string
  beforeAll(async () => void (script = await scriptFor('bash')))

  const offeredFor = (line: string) =>
    run(['bash', '--norc', '-c', IN_BASH], { SCRIPT: script, LINE: line })

  test.each(CASES)('%p', (line, offered) => expect(offeredFor(line)).toEqual(offered))

  test.each(['worker --config ', 'produce ', 'demo --rate '])('%p: nothing of ours', (line) => {
    expect(offeredFor(line)).toEqual([])
  })

  test('where a file is wanted, bash offers files', () => {
    const [registered] = run(['bash', '--norc', '-c', `source ${script}; complete -p loanstream`])
    expect(registered).toBe('complete -o default -F _loanstream loanstream')
  })
})

describe.skipIf(!has('fish'))(titled('fish'), () => {
  let script: string
  beforeAll(async () => void (script = await scriptFor('fish')))

  test.each(CASES)('%p', (line, offered) => {
    const ask = `source ${script}; complete -C 'loanstream ${line}'`
    const lines = run(['fish', '--no-config', '-c', ask])
    expect(lines.map((text) => text.split('\t')[0]!)).toEqual(offered)
  })
})

describe.skipIf(!has('zsh'))(titled('zsh'), () => {
  test('takes the script', async () => {
    expect(run(['zsh', '-n', await scriptFor('zsh')])).toEqual([])
  })
})

test('a shell that is not known is refused with those that are', async () => {
  const { code, out, err } = await cli(['completion', 'tcsh'])
  expect({ code, out }).toEqual({ code: 2, out: '' })
  expect(err).toContain('bash, zsh, fish')
})
