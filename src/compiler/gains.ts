// What each feature's splits gained in training, summed: for people, not for the score, so it is
// read beside the forest and may be absent. LightGBM's text has a `split_gain` in each tree.

/**
 * Gain of each feature, or undefined where the format or the file states none.
 *
 * @param featureCount  of the model, which was parsed before
 */
export function gainsOf(
  format: string,
  bytes: Uint8Array,
  featureCount: number,
): number[] | undefined {
  return format === 'lightgbm-text' ? lightGbmGains(bytes, featureCount) : undefined
}

function lightGbmGains(bytes: Uint8Array, featureCount: number): number[] | undefined {
  const gains = Array.from({ length: featureCount }, () => 0)
  let features: number[] = []
  let found = false
  for (const line of new TextDecoder().decode(bytes).split('\n')) {
    if (line.startsWith('end of trees')) break
    if (line.startsWith('split_feature=')) features = numbersOf(line)
    if (!line.startsWith('split_gain=')) continue
    const values = numbersOf(line)
    if (values.length !== features.length || !values.every(Number.isFinite)) return undefined
    for (const [i, feature] of features.entries()) gains[feature]! += values[i]!
    found ||= values.length > 0
  }
  return found ? gains : undefined
}

function numbersOf(line: string): number[] {
  const text = line.slice(line.indexOf('=') + 1).trim()
  return text === '' ? [] : text.split(' ').map(Number)
}
