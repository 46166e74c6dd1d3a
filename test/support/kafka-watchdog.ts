// Nothing is left over of a test's cluster, whatever becomes of the process that started it.

/**
 * Ends the brokers when this process ends, in whatever way. It is a shell that reads the ids of the
 * processes from a pipe of ours; when we are gone the pipe closes, and it kills the last ones it
 * was told and removes the data. The signals of a terminal reach it as well, so it ignores them.
 */
export class Watchdog {
  private static readonly script = `
    trap '' INT TERM HUP
    pids=
    while read -r line; do pids=$line; done
    [ -z "$pids" ] || kill -9 $pids
    rm -rf "$0"`
  private readonly shell: Bun.Subprocess<'pipe', 'ignore', 'ignore'>
  private hasEnded = false

  /** @param folder  removed at the end */
  constructor(folder: string) {
    this.shell = Bun.spawn(['sh', '-c', Watchdog.script, folder], {
      stdin: 'pipe',
      stdout: 'ignore',
      stderr: 'ignore',
    })
    this.shell.unref()
  }

  watch(pids: readonly number[]): void {
    if (this.hasEnded) return
    void this.shell.stdin.write(`${pids.join(' ')}\n`)
    void this.shell.stdin.flush()
  }

  /** To be called when the brokers have ended: their ids may soon be those of others. */
  async end(): Promise<void> {
    this.watch([])
    this.hasEnded = true
    await this.shell.stdin.end()
    await this.shell.exited
  }
}
