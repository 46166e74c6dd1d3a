// Catalogues for models of the tests.

import type { Catalogue } from '../../src/compiler/catalogue.ts'

/** A reason of its own for every feature, on whichever side. */
export function catalogueFor(features: readonly string[], atMost = 4): Catalogue {
  const reasons = features.map((feature, i) => ({
    code: `REASON_${i}`,
    statement: `Level of ${feature}`,
    hmda: (i % 9) + 1,
    features: { [feature]: 'any' as const },
  }))
  return { version: 1, at_most: atMost, reasons }
}
