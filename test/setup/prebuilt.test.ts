// The download, from servers that behave and from servers that do not.

import { expect, test } from 'bun:test'
import {
  type DownloadLimits,
  archiveUrls,
  downloadAddon,
  extractAddon,
} from '../../src/setup/prebuilt.ts'
import { failureOf } from './support.ts'

const LIMITS: DownloadLimits = { firstByteMs: 200, totalMs: 400, bytesMax: 1_000_000 }
const ADDON = new TextEncoder().encode('this is the library')

function archive(files: Record<string, Uint8Array | string>): Promise<Uint8Array> {
  return new Bun.Archive(files, { compress: 'gzip' }).bytes()
}

/** Serves until the test ends; asks for a.tar.gz, then b.tar.gz. */
function serve(answer: (path: string) => Response | Promise<Response>) {
  const asked: string[] = []
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    fetch: (request) => {
      const path = new URL(request.url).pathname
      asked.push(path)
      return answer(path)
    },
  })
  const urls = ['a', 'b'].map((name) => new URL(`${name}.tar.gz`, server.url).href)
  const host = server.url.host
  return { asked, urls, host, [Symbol.dispose]: () => void server.stop(true) }
}

test('addresses follow the package, one for each of the Node versions', () => {
  const binary = {
    module_name: 'kafka',
    package_name: '{module_name}-v{version}-{node_abi}-{platform}-{libc}-{arch}.tar.gz',
    host: 'https://example.test/download/',
    remote_path: 'v{version}',
  }
  const linux = { platform: 'linux', arch: 'x64', libc: 'musl' } as const
  const mac = { platform: 'darwin', arch: 'arm64', libc: 'unknown' } as const
  expect(archiveUrls('1.2.3', binary, linux)).toEqual([
    'https://example.test/download/v1.2.3/kafka-v1.2.3-node-v127-linux-musl-x64.tar.gz',
    'https://example.test/download/v1.2.3/kafka-v1.2.3-node-v137-linux-musl-x64.tar.gz',
  ])
  expect(archiveUrls('1.2.3', binary, mac, 'http://127.0.0.1:1')[0]).toBe(
    'http://127.0.0.1:1/v1.2.3/kafka-v1.2.3-node-v127-darwin-unknown-arm64.tar.gz',
  )
})

test('takes the add-on out of the first archive that exists', async () => {
  const bytes = await archive({ 'build/readme.txt': 'no', 'build/Release/kafka.node': ADDON })
  using server = serve((path) => {
    return path.startsWith('/a') ? new Response('', { status: 404 }) : new Response(bytes)
  })
  expect(await downloadAddon(server.urls, LIMITS)).toEqual(ADDON)
  expect(server.asked).toEqual(['/a.tar.gz', '/b.tar.gz'])
})

test('an add-on with bytes of every kind comes out as it went in', async () => {
  const bytes = crypto.getRandomValues(new Uint8Array(60_000))
  expect(await extractAddon(await archive({ 'a.node': bytes }))).toEqual(bytes)
})

const BROKEN: [string, () => Response | Promise<Response>, string][] = [
  ['has no file', () => new Response('', { status: 404 }), 'HOST has none for this platform'],
  ['is broken', () => new Response('', { status: 500 }), 'HOST answers 500'],
  ['hangs', () => Bun.sleep(5_000).then(() => new Response('')), 'HOST does not answer'],
  ['trickles', () => new Response(trickle()), 'HOST is too slow'],
  ['sends garbage', () => new Response(new Uint8Array(999).fill(7)), 'what was sent is no archive'],
  ['sends a page', () => new Response('<html>log in</html>'), 'what was sent is no archive'],
  ['sends too much', () => new Response(new Uint8Array(1_000_001)), 'HOST sends more than 1000000'],
  ['sends no library', async () => new Response(await archive({ a: 'b' })), 'holds no library'],
]

test.each(BROKEN)('one short line when the server %s', async (_, answer, line) => {
  using server = serve(answer)
  const start = performance.now()
  const failure = await failureOf(downloadAddon(server.urls, LIMITS))
  expect(failure).toContain(line.replace('HOST', server.host))
  expect(performance.now() - start).toBeLessThan(2_000)
})

test('one short line when nobody listens', async () => {
  const { urls, host, [Symbol.dispose]: stop } = serve(() => new Response(''))
  stop()
  const failure = await failureOf(downloadAddon(urls, LIMITS))
  expect(failure).toBe(`${host} cannot be reached`)
})

function trickle(): ReadableStream<Uint8Array> {
  return new ReadableStream({
    async pull(controller) {
      await Bun.sleep(20)
      controller.enqueue(new Uint8Array(1))
    },
  })
}
