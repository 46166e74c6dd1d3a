// SIGTERM and SIGINT: the first asks for an orderly stop, a second one for an end at once.

/**
 * Signals within so short a time are one: ctrl-C reaches every process of the terminal's group, and
 * `bun run` passes its own on, so that a single ctrl-C arrives twice.
 */
const SAME_SIGNAL_MS = 500

/** Resolves with the first signal's name; a later one calls `onSecond`. */
export function stopSignal(onSecond: () => void): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>()
  let firstAtMs = 0
  const receive = (signal: string) => {
    if (firstAtMs === 0) {
      firstAtMs = performance.now()
      resolve(signal)
    } else if (performance.now() - firstAtMs > SAME_SIGNAL_MS) {
      onSecond()
    }
  }
  process.on('SIGTERM', receive)
  process.on('SIGINT', receive)
  return promise
}
