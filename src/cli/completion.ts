// `completion`: a script that completes commands, options and their values in a shell. Made from
// the commands themselves and whole, so that a key's press starts no process.

import { Argument, Command } from 'commander'
import { bashScript } from './completion/bash.ts'
import { fishScript } from './completion/fish.ts'
import { nodesOf } from './completion/nodes.ts'
import { zshScript } from './completion/zsh.ts'
import type { Context } from './context.ts'

const SCRIPTS = { bash: bashScript, zsh: zshScript, fish: fishScript }

export function completionCommand(
  run: (action: () => Promise<number>) => void,
  { output }: Context,
  program: Command,
) {
  return new Command('completion')
    .description('print a script that completes this program in a shell')
    .addArgument(new Argument('<shell>', 'whose script').choices(Object.keys(SCRIPTS)))
    .addHelpText('after', EXAMPLES)
    .action((shell: keyof typeof SCRIPTS) =>
      run(async () => {
        output.print(SCRIPTS[shell](nodesOf(program)))
        return 0
      }),
    )
}

const EXAMPLES = `
It completes the name loanstream: the single executable's, or an alias of "bun src/main.ts".

Examples:
  source <(loanstream completion bash)                          # in ~/.bashrc
  source <(loanstream completion zsh)                           # in ~/.zshrc, after compinit
  loanstream completion fish > ~/.config/fish/completions/loanstream.fish`
