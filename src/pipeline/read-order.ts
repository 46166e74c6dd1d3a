// Which records may be decided: none before its turn, and none twice, whatever the client brings.

import type { PartitionSource } from '../rdkafka/partition-source.ts'

export class ReadOrder {
  private readonly source: PartitionSource
  private readonly timeoutMs: number
  private readonly warn: (message: string) => void
  private soughtOffset = -1

  constructor(source: PartitionSource, timeoutMs: number, warn: (message: string) => void) {
    this.source = source
    this.timeoutMs = timeoutMs
    this.warn = warn
  }

  /**
   * Whether reading goes on with this record. Not when its outcome was committed, or is about to
   * be; then the partition is read from `due` on. At first:
   * 1. The partition is assigned; librdkafka asks for the committed offset and starts to fetch.
   * 2. The owner before, slow but not fenced yet, commits a last transaction.
   * 3. Our producer is initialised: from here on the owner before is fenced.
   * Later, should the client fetch records again that it brought already. What is before `due` even
   * then is no repetition: the log ends before it, and `auto.offset.reset` says where to go on.
   */
  isNext(recordOffset: number, due: number, isFirst: boolean): boolean {
    if (recordOffset >= due || this.soughtOffset === due) return true
    if (!isFirst) this.warn(`offset ${recordOffset} was fetched again: ${due} is the next`)
    this.source.seek(due, this.timeoutMs)
    this.soughtOffset = due
    return false
  }
}
