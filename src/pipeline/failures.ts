// Which failures a loop does not mend with the producer that it has.

import { OperatingError } from '../errors.ts'

const NO_ACL = '_AUTHORIZATION_FAILED'

/** Whether an ACL is missing. */
export function isForbidden(error: OperatingError): boolean {
  return error.code.endsWith(NO_ACL)
}

/** Whether aborting is not enough: the producer is to be made anew, or the partition given up. */
export function isFatal(error: unknown): boolean {
  if (!(error instanceof OperatingError) || isForbidden(error)) return true
  return error.kind === 'fatal' || error.kind === 'usage'
}
