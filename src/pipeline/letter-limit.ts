// How large a dead letter may be: its topic takes records up to max.message.bytes, which no error
// tells. Learnt from what is refused.

/** A little below Kafka's default of max.message.bytes, 1,048,588: headers take room as well. */
const BROKER_MESSAGE_BYTES = 1_040_000
/** Letters as small are refused for what is sent with them: the limit is that of a batch. */
const SMALL_BYTES = 4096

export class LetterLimit {
  /** Bytes of key and value up to which dead letters go whole. */
  private bytesMax = Number.POSITIVE_INFINITY
  /** The largest that was sent whole since the last commit. */
  private largest = 0

  /** Whether a letter of so many bytes is to be sent with its value. */
  takes(bytes: number): boolean {
    if (bytes > this.bytesMax) return false
    this.largest = Math.max(this.largest, bytes)
    return true
  }

  /** What was sent is committed, or given up. */
  clear(): void {
    this.largest = 0
  }

  /**
   * The broker refused a record for its size. Decisions are small, so it was a dead letter: from
   * now on those as large go without their value, which the input topic still holds. The next try
   * is the broker's default, and then half of what was refused.
   *
   * @returns what to tell, with its figures
   */
  refused(): { message: string; fields: Record<string, number> } {
    const refused = this.largest
    this.largest = 0
    if (refused <= SMALL_BYTES) {
      const message = 'a topic takes less than a batch: set batch.size below its max.message.bytes'
      return { message, fields: { refused_bytes: refused } }
    }
    this.bytesMax = refused > BROKER_MESSAGE_BYTES ? BROKER_MESSAGE_BYTES : Math.floor(refused / 2)
    const message = 'dead letters beyond the limit go without their value'
    return { message, fields: { refused_bytes: refused, limit_bytes: this.bytesMax } }
  }
}
