// What the module exports. One call decides a batch; the stages alone are there for the benches and
// the differential tests. Each takes the address of the context (see layout.ts) and the number of
// records.

import { compare } from './compare'
import { decide } from './decide'
import { decode } from './decode'
import { encode } from './encode'
import { attribute, reason, scoreWithout } from './reasons'
import { score } from './score'

export { attribute, decide, decode, encode, reason, score, scoreWithout }

/** Decodes, scores, decides, finds reasons and encodes records 0 to n - 1. */
export function run(context: usize, n: i32): void {
  decode(context, n)
  score(context, n)
  decide(context, n)
  reason(context, n)
  encode(context, n)
}

/**
 * Has a second model decide records 0 to n - 1, which `run` has decoded and decided with the
 * champion's context, and counts how the outcomes compare.
 */
export function challenge(context: usize, champion: usize, n: i32): void {
  score(context, n)
  decide(context, n)
  reason(context, n)
  encode(context, n)
  compare(context, champion, n)
}

/** First address that the module does not use itself. */
export function heapBase(): usize {
  return __heap_base
}
