// Which versions of a record must be readable as which: the modes that schema registries know.

export const MODES = [
  'BACKWARD',
  'BACKWARD_TRANSITIVE',
  'FORWARD',
  'FORWARD_TRANSITIVE',
  'FULL',
  'FULL_TRANSITIVE',
] as const

export type Mode = (typeof MODES)[number]

/** One version that must be able to read what another wrote. */
export type ReaderAndWriter<T> = { reader: T; writer: T }

/**
 * The pairs that a mode is about. Only the newest version is compared: what lies between older ones
 * can no longer be changed, and a newer one may have mended it.
 *
 * - BACKWARD: the newest reads what the one before wrote: readers change first.
 * - FORWARD: the one before reads what the newest writes: writers change first.
 * - FULL: both. With _TRANSITIVE: not the one before alone but all before.
 *
 * @param versions  oldest first
 */
export function pairsOf<T>(versions: readonly T[], mode: Mode): ReaderAndWriter<T>[] {
  const newest = versions.at(-1)
  const older = versions.slice(mode.endsWith('_TRANSITIVE') ? 0 : -2, -1)
  if (newest === undefined) return []
  return older.flatMap((version) => [
    ...(mode.startsWith('FORWARD') ? [] : [{ reader: newest, writer: version }]),
    ...(mode.startsWith('BACKWARD') ? [] : [{ reader: version, writer: newest }]),
  ])
}
