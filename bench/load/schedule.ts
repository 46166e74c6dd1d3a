// A schedule of applications that two processes keep to: the sender sends each when it is due, the
// reader takes its decision's latency from then on. Both go by the machine's clock.

export type Schedule = {
  bootstrapServers: string
  partitions: number
  /** Applications a second. */
  rate: number
  /** Number of the first application; the others follow. Application i is of partition i modulo
   * partitions. */
  first: number
  count: number
  /** What counts as warm-up at the beginning, milliseconds. */
  warmUpMs: number
}

/** Milliseconds since 1970 with their fraction, on the clock that all processes share. */
export function clockMs(): number {
  return performance.timeOrigin + performance.now()
}

/** What a process of the load is given: the schedule, and once it is ready, when it begins. */
export function scheduleOfArguments(): Schedule {
  return JSON.parse(process.argv[2]!) as Schedule
}

/** Says that this process is ready, and waits for the time at which application `first` is due. */
export async function startMs(): Promise<number> {
  process.stdout.write('ready\n')
  for await (const line of console) return Number(line)
  throw new Error('nobody said when to begin')
}

/** What a load process cost, all threads: microseconds of CPU a record since `before`. */
export function cpuMicrosecondsEach(before: NodeJS.CpuUsage, count: number): number {
  const { user, system } = process.cpuUsage(before)
  return (user + system) / count
}
