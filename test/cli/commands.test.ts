// Every command there is, found by walking the program: each says what it does, shows examples,
// refuses a slip with what was meant, and can be read by a machine.

import { describe, expect, setDefaultTimeout, test } from 'bun:test'
import type { Command } from 'commander'
import { Output } from '../../src/cli/output.ts'
import { makeProgram } from '../../src/cli/program.ts'
import { cli } from '../support/cli.ts'

setDefaultTimeout(60_000)

const never = (): never => {
  throw new Error('nothing runs here')
}
const program = makeProgram(never, { environment: {}, output: new Output(), exit: never })

function walk(
  command: Command,
  path: string[],
): [line: string, path: string[], command: Command][] {
  const own = [...path, command.name()]
  return [[own.join(' '), own, command], ...command.commands.flatMap((child) => walk(child, own))]
}

const COMMANDS = program.commands.flatMap((command) => walk(command, []))

/**
 * Without that option: a server's log, a script, Markdown, TypeScript, a hash; and what prints
 * nothing but lines of JSON or numbers.
 */
const NOT_JSON = [
  'worker',
  'completion',
  'schema docs',
  'schema types',
  'schema fingerprint',
  'schema decode',
  'model score',
]

/** What must be given, so that nothing is missing but what a test leaves out. */
function mandatory({ options }: Command): string[] {
  return options.filter((o) => o.mandatory).flatMap((o) => [o.long!, o.argChoices?.[0] ?? 'x'])
}

/** An option of the command with a letter left out, and the option. */
function slip({ options }: Command): [wrong: string, right: string] {
  const right = options.map(({ long }) => long!).find((long) => long !== '--no-schemas') ?? '--help'
  return [right.slice(0, -2) + right.slice(-1), right]
}

describe.each(COMMANDS)('%s', (line, path, command) => {
  test('describes itself and its options', () => {
    expect(command.description()).not.toBe('')
    expect(command.options.filter(({ description }) => description === '')).toEqual([])
    expect(command.registeredArguments.filter(({ description }) => !description)).toEqual([])
  })

  test('has help with examples that start with what it is called, and exit code 0', async () => {
    const { code, out, err } = await cli([...path, '--help'])
    expect({ code, err }).toEqual({ code: 0, err: '' })
    expect(out).toStartWith(`Usage: loanstream ${line} `)
    const examples = out.split('\nExamples:\n')[1] ?? ''
    expect(examples).toContain(`${line.split(' ')[0]} ${path.slice(1).join(' ')}`.trim())
  })

  test('refuses an unknown option with the nearest one, and exit code 2', async () => {
    const [wrong, right] = slip(command)
    const { code, out, err } = await cli([...path, ...mandatory(command), wrong])
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toContain(`'${wrong}'`)
    expect(err).toContain(`Did you mean ${right}?`)
  })

  const isLeaf = command.commands.length === 0
  if (isLeaf) {
    test('can print JSON, or is one of the few that cannot', () => {
      const hasOption = command.options.some(({ long }) => long === '--json')
      expect(hasOption).toBe(!NOT_JSON.includes(line))
    })
  }
})

test('there are all of them', () => {
  expect(COMMANDS.length).toBeGreaterThan(25)
  expect(NOT_JSON.filter((line) => !COMMANDS.some(([name]) => name === line))).toEqual([])
})

test('no command: help on standard error, and exit code 2', async () => {
  const { code, out, err } = await cli([])
  expect({ code, out }).toEqual({ code: 2, out: '' })
  expect(err).toStartWith('Usage: loanstream')
})
