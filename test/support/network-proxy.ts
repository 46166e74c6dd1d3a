// A network that can be slow, and that can lose answers or falsify them: TCP proxies on loopback
// that know where a message of Kafka's protocol ends, in a process of their own, since the caller's
// blocks while it reads. Run by `Network`; orders come as messages, and it ends with its parent.

import { type Socket, connect, createServer } from 'node:net'

export type Order =
  /** Proxies one port, on loopback, to another. */
  | { type: 'listen'; port: number; target: number }
  /** Every message takes so much longer from now on, either way. */
  | { type: 'delay'; delayMs: number }
  /** Does to the answers of one kind of request what the others undo, see {@link Harm}. */
  | { type: 'harm'; harm: Harm | undefined }

/** What happens to answers: the broker did what was asked, and the client does not hear of it. */
export type Harm = {
  /** Of the requests whose answers are meant (kafka.apache.org, protocol guide). */
  apiKey: number
  /** How many of them are left alone between two that are not. */
  spared: number
  /** How many are harmed in all. */
  count: number
  /**
   * The error code that an answer gets, 16 bits that begin so many bytes from its start, which its
   * length of 4 bytes and its correlation id of 4 lead. Without, the connection ends in its place.
   */
  error?: { at: number; code: number }
}

export type Report = { harmed: number }

const LENGTH_BYTES = 4

let delayMs = 0
let harm: Harm | undefined
let seen = 0
let harmed = 0

process.on('message', (order: Order) => {
  if (order.type === 'listen') listen(order.port, order.target)
  else if (order.type === 'delay') delayMs = order.delayMs
  else {
    harm = order.harm
    seen = 0
    harmed = 0
  }
})
process.on('disconnect', () => process.exit(0))

function report(what: Report): void {
  process.send!(what)
}

function listen(port: number, target: number): void {
  const server = createServer((client) => {
    const broker = connect({ host: '127.0.0.1', port: target })
    /** Correlation ids of requests whose answers are meant. */
    const meant = new Set<number>()
    forward(client, broker, (request) => {
      // A request is its length, api_key INT16, api_version INT16, correlation_id INT32.
      const isMeant = request.length >= 12 && request.readInt16BE(4) === harm?.apiKey
      if (isMeant) meant.add(request.readInt32BE(8))
      return true
    })
    forward(broker, client, (answer) => {
      const isMeant = answer.length >= 8 && meant.delete(answer.readInt32BE(4))
      return !isMeant || passes(answer)
    })
  })
  server.listen(port, '127.0.0.1')
}

/** Whether the client gets the answer, as it came or with an error in it. */
function passes(answer: Buffer): boolean {
  if (!harm || harmed === harm.count || seen++ % (harm.spared + 1) < harm.spared) return true
  report({ harmed: ++harmed })
  const { error } = harm
  if (error) answer.writeInt16BE(error.code, error.at)
  return error !== undefined
}

/**
 * Bytes keep their order: one that is due later never overtakes.
 *
 * @param takes  whether a message goes on; where not, the connection ends
 */
function forward(from: Socket, to: Socket, takes: (message: Buffer) => boolean): void {
  const messages = new Messages()
  let waiting = 0
  let lastDueMs = 0
  from.setNoDelay(true)
  const write = (chunk: Uint8Array) => {
    if (to.writable && !to.write(chunk)) {
      from.pause()
      to.once('drain', () => from.resume())
    }
  }
  from.on('data', (chunk: Buffer) => {
    for (const message of messages.add(chunk)) {
      if (!takes(message)) {
        from.destroy()
        return
      }
      const nowMs = performance.now()
      if (delayMs === 0 && waiting === 0) {
        write(message)
        continue
      }
      waiting++
      lastDueMs = Math.max(lastDueMs, nowMs + delayMs)
      setTimeout(() => {
        waiting--
        write(message)
      }, lastDueMs - nowMs)
    }
  })
  const end = () => to.destroy()
  from.on('close', end)
  from.on('error', end)
}

/** Whole messages of a stream: a length of 32 bits, and so many bytes. */
class Messages {
  private readonly chunks: Buffer[] = []
  private bytes = 0
  private due = LENGTH_BYTES

  /** Takes what came, and returns the messages that are whole now. */
  add(chunk: Buffer): Buffer[] {
    this.chunks.push(chunk)
    this.bytes += chunk.length
    if (this.bytes < this.due) return []
    const all = Buffer.concat(this.chunks.splice(0))
    const whole: Buffer[] = []
    let at = 0
    for (;;) {
      const isLengthThere = all.length - at >= LENGTH_BYTES
      const end = at + LENGTH_BYTES + (isLengthThere ? all.readInt32BE(at) : 0)
      if (!isLengthThere || end > all.length) {
        this.due = end - at
        break
      }
      whole.push(all.subarray(at, end))
      at = end
    }
    this.chunks.push(all.subarray(at))
    this.bytes = all.length - at
    return whole
  }
}
