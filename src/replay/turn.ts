// Long work on the main thread lets go of it now and then.

/** Lets signals and timers have their turn. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
