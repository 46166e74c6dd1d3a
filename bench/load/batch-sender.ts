// Numbered applications, laid out once as librdkafka takes them: sending some is one call a
// partition, whatever their number, and eight digits written into each.

import { ptr } from 'bun:ffi'
import type { Producer } from '../../src/rdkafka/producer.ts'
import { MESSAGE_BYTES, writeMessage } from '../../src/rdkafka/structs.ts'
import { check } from '../bench.ts'
import { APPLICATIONS, DISTINCT, ID_AT, ID_BYTES, NumberedApplications } from '../support/broker.ts'

const DIGITS = new TextEncoder().encode('0123456789abcdef')
const NUMBER_DIGITS = 8
const POLL_MS = 5

export class BatchSender {
  private readonly producer: Producer
  private readonly partitions: number
  private readonly bytes: Uint8Array
  /** Where each application's number is in its id. */
  private readonly numberAt: number[] = []
  /** rd_kafka_message_t of every application, those of a partition one behind the other. */
  private readonly messages = new Uint8Array(DISTINCT * MESSAGE_BYTES)

  /** @param partitions  of the topic, a divisor of DISTINCT */
  constructor(producer: Producer, partitions: number) {
    check(DISTINCT % partitions === 0, `${partitions} partitions divide ${DISTINCT}`)
    this.producer = producer
    this.partitions = partitions
    const applications = new NumberedApplications()
    const values = Array.from({ length: DISTINCT }, (_, i) => applications.value(i))
    this.bytes = new Uint8Array(values.reduce((sum, { length }) => sum + length, 0))
    const view = new DataView(this.messages.buffer)
    const base = ptr(this.bytes)
    let at = 0
    for (const [i, value] of values.entries()) {
      this.bytes.set(value, at)
      this.numberAt.push(at + ID_AT)
      const slot = this.slotOf(i) * MESSAGE_BYTES
      writeMessage(view, slot, [base + at + ID_AT, ID_BYTES], [base + at, value.length])
      at += value.length
    }
  }

  private slotOf(i: number): number {
    const each = DISTINCT / this.partitions
    const inTurn = i % DISTINCT
    return (inTurn % this.partitions) * each + Math.floor(inTurn / this.partitions)
  }

  /** Hands over applications `from` to `until` - 1. */
  send(from: number, until: number): void {
    // As many as are laid out: a number is overwritten by that of the next round.
    for (let at = from; at < until; at += DISTINCT)
      this.sendSome(at, Math.min(until, at + DISTINCT))
  }

  private sendSome(from: number, until: number): void {
    for (let i = from; i < until; i++) this.number(i)
    const { partitions } = this
    const each = DISTINCT / partitions
    for (let p = 0; p < partitions; p++) {
      const first = from + ((p - (from % partitions) + partitions) % partitions)
      let left = Math.max(0, Math.ceil((until - first) / partitions))
      for (let i = first; left > 0;) {
        const slot = this.slotOf(i)
        const taken = this.produce(p, slot, Math.min(left, (p + 1) * each - slot))
        left -= taken
        i += taken * partitions
      }
    }
  }

  private number(i: number): void {
    const end = this.numberAt[i % DISTINCT]! + NUMBER_DIGITS - 1
    for (let digit = 0, rest = i; digit < NUMBER_DIGITS; digit++, rest >>>= 4) {
      this.bytes[end - digit] = DIGITS[rest & 15]!
    }
  }

  private produce(partition: number, slot: number, count: number): number {
    const at = ptr(this.messages) + slot * MESSAGE_BYTES
    const taken = this.producer.produceBatch(APPLICATIONS, partition, at, count)
    if (taken < count) this.producer.poll(POLL_MS)
    return taken
  }
}
