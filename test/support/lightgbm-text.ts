// LightGBM's text models, edited by tests.

/** The text with tree_sizes made right again, by which an edited one is found out. */
export function sized(text: string): string {
  const [, ...trees] = text.slice(0, text.indexOf('end of trees')).split(/^(?=Tree=)/m)
  const sizes = trees.map((tree) => tree.replaceAll('\r', '').length)
  return text.replace(/^(tree_sizes=)[\d ]*/m, `$1${sizes.join(' ')}`)
}
