// `dlq replay`: the selected letters to the applications' topic once more, or to another, as they
// came; see src/dlq/letter-sender.ts for why each goes exactly once.

import type { Config } from '../../config.ts'
import { producerProperties, readerProperties } from '../../config/clients.ts'
import { printable } from '../../dlq/bytes-text.ts'
import { FOREIGN, type Letter, identityOf, placeText } from '../../dlq/letter.ts'
import { LetterSender, type Outgoing } from '../../dlq/letter-sender.ts'
import { ensureMarksTopic } from '../../dlq/marks.ts'
import { fetchOriginal } from '../../dlq/original.ts'
import { OperatingError, usageError } from '../../errors.ts'
import { Admin } from '../../rdkafka/admin.ts'
import { AssignedReader } from '../../rdkafka/assigned-reader.ts'
import { deliveryProperties } from '../../rdkafka/conf.ts'
import { Producer } from '../../rdkafka/producer.ts'
import { offsetsIn } from '../../replay/window.ts'
import { type Context, requireBroker } from '../context.ts'
import type { ReplayLettersOptions } from '../dlq.ts'
import { startProgress } from '../progress.ts'
import { answered, openReader } from '../replay/open.ts'
import { stopSignal } from '../signals.ts'
import { type Letters, isChosen, openLetters, partitionCount } from './open.ts'

/** Letters of a transaction, and how often one ends at a low rate: consumers wait for its end. */
const BATCH_LETTERS_MAX = 500
const BATCH_BYTES_MAX = 4 * 1024 * 1024
const BATCHES_A_SECOND = 10
const PAUSE_MS_MAX = 100
/** Letters that cannot be sent and are told one by one; the rest is only counted. */
const TOLD_MAX = 20

export async function replayLetters(
  options: ReplayLettersOptions,
  context: Context,
): Promise<number> {
  if (options.all === isChosen(options)) {
    throw usageError('option', 'choose letters, by --class for example, or give --all')
  }
  using letters = openLetters(options, context)
  const { config } = letters
  const target = targetOf(options, config)
  const partitions = partitionCount(letters.reader, target)
  using originals = openReader(config)
  const run = new Run(letters, originals, options, target)
  if (options.dryRun) {
    await run.each(() => [])
  } else {
    requireBroker(config, ['producer'])
    let isStopped = false
    void stopSignal(() => context.exit(1)).then(() => (isStopped = true))
    const sender = await makeSender(letters, target, partitions)
    try {
      await run.each(
        (batch) => sender.sender.send(batch),
        () => isStopped,
      )
    } finally {
      sender.producer.destroy()
    }
  }
  return run.report(context)
}

function targetOf({ to }: ReplayLettersOptions, { settings }: Config): string {
  const target = to ?? settings['topic.applications']
  for (const key of ['topic.dead.letters', 'topic.dead.letters.sent'] as const) {
    if (settings[key] === target) throw usageError('option', `--to ${target}: is ${key}`)
  }
  return target
}

/** A sender that has fenced all others, so that the marks can be read. */
async function makeSender({ config, topic }: Letters, target: string, partitions: number) {
  const { settings } = config
  const timeoutMs = settings['broker.timeout.ms']
  const marks = settings['topic.dead.letters.sent']
  {
    using admin = new Admin(config.producer, timeoutMs)
    await ensureMarksTopic(admin, marks, topic, timeoutMs)
  }
  const id = `${settings['transactional.id.prefix']}-dlq-replay-${topic}`
  const producer = new Producer({
    // The Java client's, so that a key goes to the same partition whoever sends it.
    partitioner: 'murmur2_random',
    ...producerProperties(config),
    ...deliveryProperties(id),
  })
  const sender = new LetterSender(producer, { target, partitions, marks }, timeoutMs)
  try {
    answered(config, () => sender.start())
    await untilSettled(config, marks, timeoutMs)
  } catch (error) {
    producer.destroy()
    throw error
  }
  return { sender, producer }
}

/**
 * A transaction that is still open on the marks is of a sender with another prefix, whom nobody has
 * fenced: what it has sent may become visible later.
 */
async function untilSettled(config: Config, marks: string, timeoutMs: number): Promise<void> {
  using committed = openReader(config)
  const uncommitted = { ...readerProperties(config), 'isolation.level': 'read_uncommitted' }
  using all = new AssignedReader(uncommitted, timeoutMs)
  const deadline = performance.now() + timeoutMs
  while (committed.bounds(marks, 0).high < all.bounds(marks, 0).high) {
    if (performance.now() > deadline) {
      const what = `a transaction is open on ${marks}: of a "dlq replay" with another`
      throw new OperatingError('fatal', 'open_marks', `${what} transactional.id.prefix?`)
    }
    await Bun.sleep(PAUSE_MS_MAX)
  }
}

class Run {
  private readonly letters: Letters
  private readonly originals: AssignedReader
  private readonly options: ReplayLettersOptions
  private readonly target: string
  private readonly startedMs = performance.now()
  private marks = new Set<string>()
  private batch: Outgoing[] = []
  private batchBytes = 0
  private readonly counts = {
    selected: 0,
    sent: 0,
    sent_before: 0,
    gone: 0,
    refused: 0,
    skipped: 0,
  }
  private isStopped = () => false
  private wasStopped = false
  private told = 0

  constructor(
    letters: Letters,
    originals: AssignedReader,
    options: ReplayLettersOptions,
    target: string,
  ) {
    this.letters = letters
    this.originals = originals
    this.options = options
    this.target = target
  }

  /**
   * Goes through the selected letters that were not sent yet.
   *
   * @param send  takes a batch and returns what was refused
   */
  async each(
    send: (batch: readonly Outgoing[]) => readonly Outgoing[],
    isStopped = () => false,
  ): Promise<void> {
    this.isStopped = isStopped
    this.marks = this.letters.marks()
    const progress = startProgress('replayed', offsetsIn(this.letters.windows))
    const batchLetters = this.batchLetters()
    try {
      for await (const letter of this.letters.select(progress.update)) {
        if (this.isStopped()) break
        const outgoing = this.take(letter)
        if (!outgoing) continue
        this.batch.push(outgoing)
        this.batchBytes += outgoing.value?.length ?? 0
        const isFull = this.batch.length >= batchLetters || this.batchBytes >= BATCH_BYTES_MAX
        if (isFull) await this.flush(send)
      }
      await this.flush(send)
    } finally {
      progress.stop()
    }
  }

  private batchLetters(): number {
    const { rate, dryRun } = this.options
    if (rate === 0 || dryRun) return BATCH_LETTERS_MAX
    return Math.max(1, Math.min(BATCH_LETTERS_MAX, Math.floor(rate / BATCHES_A_SECOND)))
  }

  /** What of a letter is to be sent; undefined when it is not. */
  private take(letter: Letter): Outgoing | undefined {
    this.counts.selected++
    if (letter.class === FOREIGN && !this.options.class.includes(FOREIGN)) {
      this.counts.skipped++
      this.tell(letter, 'no worker wrote it; --class foreign sends it')
      return undefined
    }
    const identity = identityOf(letter)
    if (this.marks.has(identity)) {
      this.counts.sent_before++
      return undefined
    }
    let { value } = letter
    if (letter.droppedBytes !== undefined) {
      const original = fetchOriginal(this.originals, letter)
      if ('gone' in original) {
        this.counts.gone++
        this.tell(letter, `its value was left out, and cannot be had: ${original.gone}`)
        return undefined
      }
      value = original.value
    }
    this.marks.add(identity)
    return { letter, value }
  }

  private async flush(send: (batch: readonly Outgoing[]) => readonly Outgoing[]): Promise<void> {
    const { batch } = this
    this.batch = []
    this.batchBytes = 0
    if (batch.length === 0) return
    if (!this.options.dryRun) await this.pace()
    // What was not begun when the signal came is not sent.
    if (this.isStopped()) {
      this.wasStopped = true
      return
    }
    const refused = send(batch)
    this.counts.sent += batch.length - refused.length
    this.counts.refused += refused.length
    for (const { letter } of refused) this.tell(letter, `too large for ${this.target}`)
  }

  /** Waits until the next batch is due. */
  private async pace(): Promise<void> {
    const { rate } = this.options
    const dueMs = rate === 0 ? 0 : this.startedMs + (this.counts.sent / rate) * 1000
    while (!this.isStopped()) {
      const aheadMs = dueMs - performance.now()
      if (aheadMs < 1) return
      await Bun.sleep(Math.min(aheadMs, PAUSE_MS_MAX))
    }
  }

  private tell({ at }: Letter, why: string): void {
    if (this.told++ < TOLD_MAX) process.stderr.write(`${placeText(at)}: ${printable(why)}\n`)
  }

  report({ output }: Context): number {
    const { counts, target, wasStopped } = this
    const { dryRun, json } = this.options
    const seconds = (performance.now() - this.startedMs) / 1000
    const stopped = wasStopped || this.isStopped()
    if (json) {
      const summary = { target, dry_run: dryRun, ...counts, stopped, seconds }
      output.print(`${JSON.stringify(summary)}\n`)
    } else {
      const parts = [
        `${counts.sent} letters ${dryRun ? 'would be sent' : 'sent'} to ${target}`,
        `${counts.sent_before} were sent before`,
        `${counts.gone} without their value, ${counts.refused} too large`,
        `${counts.skipped} foreign`,
        ...(stopped ? ['stopped by a signal'] : []),
      ]
      output.print(`${parts.join(', ')}\n`)
    }
    return counts.gone + counts.refused > 0 || stopped ? 1 : 0
  }
}
