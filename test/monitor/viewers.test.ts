// Viewers of the stream of events: who does not read loses frames, which are counted, and neither
// the others nor the memory notice.

import { expect, test } from 'bun:test'
import { connect } from 'node:net'
import { Viewers, eventBytes } from '../../src/monitor/viewers.ts'

const HELLO = eventBytes('hello', {})
const FRAME = eventBytes('frame', { filler: 'x'.repeat(50_000) })

function serve(viewers: Viewers) {
  return Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    idleTimeout: 0,
    fetch: () => new Response(viewers.add(false, HELLO)),
  })
}

async function until(holds: () => boolean): Promise<void> {
  const deadline = Date.now() + 20_000
  while (!holds()) {
    if (Date.now() > deadline) throw new Error('waited in vain')
    await Bun.sleep(5)
  }
}

test('one that never reads loses frames; one that reads gets all of them', async () => {
  const viewers = new Viewers()
  const server = serve(viewers)
  const socket = connect(server.port!, '127.0.0.1')
  // Without a listener for its data the socket is not read.
  socket.pause()
  socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  const reader = (await fetch(server.url)).body!.getReader()
  await until(() => viewers.count === 2)
  let bytes = 0
  const frames = 2000
  const all = (async () => {
    while (bytes < frames * FRAME.length) bytes += (await reader.read()).value!.length
  })()
  for (let i = 0; i < frames; i++) {
    viewers.send(() => FRAME)
    const due = (i + 1) * FRAME.length
    // The reader keeps up: it is never more than a few frames behind.
    await until(() => bytes >= due - 4 * FRAME.length)
  }
  await all
  // What was not dropped waits in the kernel's buffers, or is one of the few that may.
  expect(viewers.droppedFrames).toBeGreaterThan(frames / 2)
  await reader.cancel()
  socket.destroy()
  await until(() => viewers.count === 0)
  await server.stop(true)
})

test('there are only so many', () => {
  const viewers = new Viewers()
  while (!viewers.isFull) viewers.add(false, HELLO)
  expect(viewers.count).toBe(64)
})

test('each kind of frame is made once, and only when somebody wants it', () => {
  const viewers = new Viewers()
  const made: boolean[] = []
  const send = () => {
    viewers.send((signedIn) => {
      made.push(signedIn)
      return FRAME
    })
  }
  send()
  expect(made).toEqual([])
  for (const signedIn of [false, true, false, false]) viewers.add(signedIn, HELLO)
  send()
  expect(made).toEqual([false, true])
})
