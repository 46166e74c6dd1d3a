// Completion for zsh, with descriptions.

import type { Node, Values } from './nodes.ts'
import { quoted, valueCases, wordStep } from './shell.ts'

export function zshScript(nodes: readonly Node[]): string {
  const optionCases = nodes.map(({ path, options }) => {
    const items = options.flatMap(({ flags, description }) =>
      flags.map((flag) => item(flag, description)),
    )
    return `      ${quoted(path)}) found=(${items.join(' ')}) ;;`
  })
  const wordCases = nodes.map(({ path, commands: children, values }) => {
    if (children.length === 0) return `    ${quoted(path)}) ${offer(values)} ;;`
    const items = children.map(({ name, description }) => item(name, description))
    return `    ${quoted(path)}) found=(${items.join(' ')}); _describe command found ;;`
  })
  return `#compdef loanstream
# Completion of loanstream for zsh.
_loanstream() {
  local at='' option='' word
  local -a found
  for word in "\${(@)words[2,CURRENT-1]}"; do
${wordStep(nodes)}
  done
  if [[ -n $option ]]; then
    case "$at $option" in
${valueCases(nodes, offer)}
    esac
    return
  fi
  if [[ $PREFIX == -* ]]; then
    case "$at" in
${optionCases.join('\n')}
    esac
    _describe -o option found
    return
  fi
  case "$at" in
${wordCases.join('\n')}
  esac
}

if [[ \${funcstack[1]} == _loanstream ]]; then
  _loanstream "$@"
else
  compdef _loanstream loanstream
fi
`
}

function offer(values: Values | undefined): string {
  if (values?.kind === 'file') return '_files'
  if (values?.kind !== 'words') return ':'
  const [finished, open] = [values.words.filter((w) => !w.endsWith('=')), values.words]
  if (finished.length > 0) return `compadd -- ${finished.map(quoted).join(' ')}`
  return `compadd -S '' -- ${open.map(quoted).join(' ')}`
}

/** A name with its description, as _describe takes it: a colon is between them. */
function item(name: string, description: string): string {
  return quoted(`${name.replaceAll(':', String.raw`\:`)}:${description}`)
}
