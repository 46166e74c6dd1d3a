// Completion for fish, with descriptions.

import type { Node, Values } from './nodes.ts'

export function fishScript(nodes: readonly Node[]): string {
  const commands = nodes.slice(1).map(({ path }) => quoted(path))
  const valued = nodes.flatMap(({ path, options }) =>
    options.flatMap(({ flags, values }) => (values ? flags.map((f) => `${path} ${f}`) : [])),
  )
  return `# Completion of loanstream for fish.
function __loanstream_at
  set -l at ''
  set -l option ''
  for word in (commandline -opc)[2..-1]
    if test -n "$option"
      set option ''
    else if contains -- "$at $word" ${commands.join(' ')}
      set at "$at $word"
    else if contains -- "$at $word" ${valued.map(quoted).join(' ')}
      set option $word
    end
  end
  test "$at" = "$argv[1]"
end

complete -c loanstream -f
${nodes.flatMap(linesOf).join('\n')}
`
}

function linesOf({ path, commands, options, values }: Node): string[] {
  const start = `complete -c loanstream -n ${quoted(`__loanstream_at ${quoted(path)}`)}`
  const words = commands.map(({ name, description }) => {
    return `${start} -a ${quoted(name)} -d ${quoted(description)}`
  })
  const flags = options.map(({ flags: names, description, values: own }) => {
    const written = names.map((n) => (n.startsWith('--') ? `-l ${n.slice(2)}` : `-s ${n.slice(1)}`))
    return `${start} ${written.join(' ')}${offer(own)} -d ${quoted(description)}`
  })
  if (values === undefined || commands.length > 0) return [...words, ...flags]
  const argument = values.kind === 'file' ? ' -F' : offer(values).replace(' -x', '')
  return [...flags, `${start}${argument}`]
}

/** The switches for a value: -r, it takes one; -F, a file; -x, nothing but these. */
function offer(values: Values | undefined): string {
  if (values === undefined) return ''
  if (values.kind === 'file') return ' -r -F'
  return values.kind === 'words' ? ` -x -a ${quoted(values.words.join(' '))}` : ' -x'
}

/** In single quotes, as fish reads it. */
function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", String.raw`\'`)}'`
}
