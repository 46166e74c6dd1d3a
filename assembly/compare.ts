// Compare: how often two models gave which two outcomes for the same record.

import {
  CONTEXT_DECISIONS,
  CONTEXT_RESULT,
  CONTEXT_STATUSES,
  OUTCOMES,
  RESULT_PAIRS,
  STATUS_OK,
} from './layout'

/** Counts the pairs of outcomes of the decided records among 0 to n - 1 into the first's result. */
export function compare(context: usize, champion: usize, n: i32): void {
  const statuses = <usize>load<u32>(context, CONTEXT_STATUSES)
  const decisions = <usize>load<u32>(context, CONTEXT_DECISIONS)
  const championDecisions = <usize>load<u32>(champion, CONTEXT_DECISIONS)
  const pairs = <usize>load<u32>(context, CONTEXT_RESULT) + RESULT_PAIRS
  for (let i: usize = 0; i < <usize>n; i++) {
    if (load<u32>(statuses + (i << 2)) != STATUS_OK) continue
    const outcome = <usize>load<u8>(decisions + i)
    const pair = pairs + ((<usize>load<u8>(championDecisions + i) * OUTCOMES + outcome) << 2)
    store<u32>(pair, load<u32>(pair) + 1)
  }
}
