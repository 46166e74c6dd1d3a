// The name that was probably meant. Own code, as the set-up runs before there are packages.

/** Differences up to a third of the name are a slip; a short name may have two. */
const DIFFERENCES_MIN = 2
const LENGTH_PER_DIFFERENCE = 3

/** The nearest of the names, or undefined when none is near enough to be meant. */
export function nearest(name: string, names: Iterable<string>): string | undefined {
  let limit = Math.max(DIFFERENCES_MIN, Math.floor(name.length / LENGTH_PER_DIFFERENCE))
  let found: string | undefined
  for (const candidate of names) {
    if (Math.abs(candidate.length - name.length) > limit) continue
    const differences = distance(name, candidate)
    if (differences > limit || (found !== undefined && differences === limit)) continue
    limit = differences
    found = candidate
  }
  return found
}

/** Levenshtein's: characters to add, to leave out or to replace, one row of the table at a time. */
function distance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j)
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1)
      row.push(Math.min(replaced, previous[j]! + 1, row[j - 1]! + 1))
    }
    previous = row
  }
  return previous[b.length]!
}
