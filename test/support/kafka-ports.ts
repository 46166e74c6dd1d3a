// Ports for brokers, which must know theirs before they start.

const PORT_TRIES = 100
/** Below the ports that systems give to outgoing connections (32768 on Linux, 49152 on macOS). */
const PORT_FIRST = 20_000
const PORT_COUNT = 12_000

/** Ports that nothing listens on. Taken at random, as other test processes look for some too. */
export function freePorts(count: number): number[] {
  const ports = new Set<number>()
  for (let i = 0; i < PORT_TRIES && ports.size < count; i++) {
    const port = PORT_FIRST + Math.floor(Math.random() * PORT_COUNT)
    try {
      Bun.listen({ hostname: '127.0.0.1', port, socket: { data: () => {} } }).stop(true)
      ports.add(port)
    } catch {
      // Somebody has it.
    }
  }
  if (ports.size < count) throw new Error(`no ${count} ports are free from ${PORT_FIRST} on`)
  return [...ports]
}
