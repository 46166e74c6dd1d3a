// What a LightGBM objective makes of the sum of the leaves. Source: LightGBM,
// ObjectiveFunction::CreateObjectiveFunction and each objective's ToString and ConvertOutput
// (src/objective).

/** A factor in the logistic function, or the sum as it is. */
export type Link = { sigmoid: number; identity: boolean }

const LOGISTIC: readonly string[] = ['binary', 'cross_entropy', 'xentropy']
const IDENTITY: readonly string[] = [
  'regression',
  'regression_l1',
  'huber',
  'fair',
  'quantile',
  'mape',
]

const RANKS = 'ranks, and its scores mean nothing by themselves'
const CLASSES = 'is for several classes'
const LOG = 'has a log link, which is not read'
const REFUSED: ReadonlyMap<string, string> = new Map([
  ['poisson', LOG],
  ['gamma', LOG],
  ['tweedie', LOG],
  ['cross_entropy_lambda', 'predicts no probability, which is not read'],
  ['lambdarank', RANKS],
  ['rank_xendcg', RANKS],
  ['multiclass', CLASSES],
  ['multiclassova', CLASSES],
  ['custom', 'does not say what its scores mean'],
])

/**
 * Reads the header's objective, such as `binary sigmoid:1`.
 *
 * @param number  reads a number as LightGBM writes it, or throws
 * @returns the link, or why the objective is not read
 */
export function readObjective(text: string, number: (text: string) => number): Link | string {
  const [name = '', ...parameters] = text.split(' ')
  const logistic = LOGISTIC.includes(name)
  if (!logistic && !IDENTITY.includes(name)) {
    return `the objective "${name}" ${REFUSED.get(name) ?? 'is not known'}`
  }
  let sigmoid = 1
  for (const parameter of parameters) {
    const factor = /^sigmoid:(.+)$/.exec(parameter)?.[1]
    if (name === 'binary' && factor !== undefined) {
      sigmoid = number(factor)
      if (!(sigmoid > 0 && sigmoid < Number.POSITIVE_INFINITY)) {
        return `a sigmoid of ${factor} makes no probability`
      }
    } else if (parameter === 'sqrt') {
      return `the objective "${text}" squares its scores, which is not read`
    } else if (name !== 'binary' || parameter !== 'is_unbalance') {
      // is_unbalance weighs rows in training and means nothing to a score.
      return `the objective "${name}" has "${parameter}", which is not known`
    }
  }
  return { sigmoid, identity: !logistic }
}
