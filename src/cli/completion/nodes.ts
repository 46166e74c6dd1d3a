// The commands as shells complete them: what may follow each.

import type { Command, Option } from 'commander'
import { SETTINGS } from '../../config.ts'

/** What a value may be: a file or folder, one of these words, or something a shell cannot know. */
export type Values = { kind: 'file' } | { kind: 'words'; words: string[] } | { kind: 'unknown' }

type NodeOption = {
  /** As they are written, such as --set and -s. */
  flags: string[]
  description: string
  /** undefined: it takes none. */
  values: Values | undefined
}

export type Node = {
  /** The commands on the way to it, each after a space: '' is the program itself. */
  path: string
  commands: { name: string; description: string }[]
  options: NodeOption[]
  /** What its arguments may be; undefined: it takes none. */
  values: Values | undefined
}

/** The program and all its commands, parents first. */
export function nodesOf(program: Command): Node[] {
  return below(program, '')
}

function below(command: Command, path: string): Node[] {
  const help = command.createHelp()
  const commands = help.visibleCommands(command).filter((child) => child.name() !== 'help')
  const node: Node = {
    path,
    commands: commands.map((child) => ({ name: child.name(), description: child.description() })),
    options: help.visibleOptions(command).map(optionOf),
    values: valuesOfArguments(command),
  }
  return [node, ...commands.flatMap((child) => below(child, `${path} ${child.name()}`))]
}

function optionOf(option: Option): NodeOption {
  const flags = [option.short, option.long].filter((flag) => flag !== undefined)
  const takesValue = option.required || option.optional
  return {
    flags,
    description: option.description,
    values: takesValue ? valuesOf(option.flags, option.argChoices) : undefined,
  }
}

/** Placeholders that stand for a path. */
const PATH = /[<[](file|folder|dir|where|places)(\.\.\.)?[>\]]/

function valuesOf(flags: string, choices: readonly string[] | undefined): Values {
  if (choices) return { kind: 'words', words: [...choices] }
  if (flags.includes('<key=value>')) {
    return { kind: 'words', words: Object.keys(SETTINGS).map((name) => `${name}=`) }
  }
  return PATH.test(flags) ? { kind: 'file' } : { kind: 'unknown' }
}

/** Files, unless the argument has choices: an argument of ours is either. */
function valuesOfArguments({ registeredArguments }: Command): Values | undefined {
  const [first] = registeredArguments
  if (!first) return undefined
  return first.argChoices ? { kind: 'words', words: [...first.argChoices] } : { kind: 'file' }
}
