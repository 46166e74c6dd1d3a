// What scripts for bash and zsh have in common: quoting, and the walk over the words so far.

import type { Node, Values } from './nodes.ts'

/** In single quotes, as a shell of Bourne's reads it. */
export function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`
}

/** A line of a `case` for every option that wants a value. */
export function valueCases(nodes: readonly Node[], offer: (values: Values) => string): string {
  return valuedOptions(nodes)
    .map(({ place, values }) => `      ${quoted(place)}) ${offer(values)} ;;`)
    .join('\n')
}

/** The body of a loop over the words: `at` is the command so far, `option` wants a value. */
export function wordStep(nodes: readonly Node[]): string {
  const commands = nodes.slice(1).map(({ path }) => quoted(path))
  const options = valuedOptions(nodes).map(({ place }) => quoted(place))
  return `    if [[ -n $option ]]; then
      option=''
      continue
    fi
    case "$at $word" in
      ${commands.join(' | ')}) at="$at $word" ;;
      ${options.join(' | ')}) option="$word" ;;
    esac`
}

/** Each by its command and itself. */
function valuedOptions(nodes: readonly Node[]): { place: string; values: Values }[] {
  return nodes.flatMap(({ path, options }) =>
    options.flatMap(({ flags, values }) =>
      values ? flags.map((flag) => ({ place: `${path} ${flag}`, values })) : [],
    ),
  )
}
