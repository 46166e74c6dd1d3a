// Completion for bash, from 3.2 on. Where nothing is offered, bash offers files.

import type { Node, Values } from './nodes.ts'
import { quoted, valueCases, wordStep } from './shell.ts'

export function bashScript(nodes: readonly Node[]): string {
  const wordCases = nodes.map(({ path, commands: children, values }) => {
    const names = children.map(({ name }) => name)
    const words: Values | undefined = names.length > 0 ? { kind: 'words', words: names } : values
    return `    ${quoted(path)}) ${offer(words ?? { kind: 'unknown' })} ;;`
  })
  const optionCases = nodes.map(({ path, options }) => {
    const words = options.flatMap(({ flags }) => flags)
    return `      ${quoted(path)}) ${offer({ kind: 'words', words })} ;;`
  })
  return `# Completion of loanstream for bash.
_loanstream_offer() {
  local IFS=$'\\n'
  COMPREPLY=($(compgen -W "$1" -- "$2"))
  # What ends in = is not finished.
  case "\${COMPREPLY[0]}" in *=) compopt -o nospace 2>/dev/null ;; esac
  compopt +o default 2>/dev/null
  return 0
}

_loanstream() {
  local at='' option='' word i cur="\${COMP_WORDS[COMP_CWORD]}"
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
${wordStep(nodes)}
  done
  if [[ -n $option ]]; then
    case "$at $option" in
${valueCases(nodes, offer)}
    esac
    return 0
  fi
  if [[ $cur == -* ]]; then
    case "$at" in
${optionCases.join('\n')}
    esac
    return 0
  fi
  case "$at" in
${wordCases.join('\n')}
  esac
}

complete -o default -F _loanstream loanstream
`
}

function offer(values: Values): string {
  if (values.kind === 'file') return ':'
  const words = values.kind === 'words' ? values.words : []
  return `_loanstream_offer ${quoted(words.join('\n'))} "$cur"`
}
