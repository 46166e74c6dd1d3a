// A network that can be slow: TCP proxies on loopback, in a process of their own, since the drill's
// blocks while it reads. Run by `Network`; orders come as messages, and it ends with its parent.

import { type Socket, connect, createServer } from 'node:net'

export type Order =
  /** Proxies one port, on loopback, to another. */
  | { type: 'listen'; port: number; target: number }
  /** Every chunk of bytes takes so much longer from now on, either way. */
  | { type: 'delay'; delayMs: number }

let delayMs = 0

process.on('message', (order: Order) => {
  if (order.type === 'delay') delayMs = order.delayMs
  else listen(order.port, order.target)
})
process.on('disconnect', () => process.exit(0))

function listen(port: number, target: number): void {
  const server = createServer((client) => {
    const broker = connect({ host: '127.0.0.1', port: target })
    forward(client, broker)
    forward(broker, client)
  })
  server.listen(port, '127.0.0.1', () => process.send!({ listening: port }))
}

/** Bytes keep their order: one that is due later never overtakes. */
function forward(from: Socket, to: Socket): void {
  let waiting = 0
  let lastDueMs = 0
  from.setNoDelay(true)
  const write = (chunk: Uint8Array) => {
    if (to.writable && !to.write(chunk)) {
      from.pause()
      to.once('drain', () => from.resume())
    }
  }
  from.on('data', (chunk: Uint8Array) => {
    const nowMs = performance.now()
    if (delayMs === 0 && waiting === 0) {
      write(chunk)
      return
    }
    waiting++
    lastDueMs = Math.max(lastDueMs, nowMs + delayMs)
    setTimeout(() => {
      waiting--
      write(chunk)
    }, lastDueMs - nowMs)
  })
  const end = () => to.destroy()
  from.on('close', end)
  from.on('error', end)
}
