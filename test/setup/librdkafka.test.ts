// The step for librdkafka: download, build, cache, and the order of the three.

import { describe, expect, test } from 'bun:test'
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { usageError } from '../../src/errors.ts'
import { libraryPath } from '../../src/rdkafka/library.ts'
import { type LibraryFacts, firstThatWorks, librdkafka } from '../../src/setup/librdkafka.ts'
import { PROJECT, TemporaryFolder, contextOf, failureOf, withoutTimes } from './support.ts'

const REAL = libraryPath(join(PROJECT, 'build'))
const FACTS = join(PROJECT, 'build', 'librdkafka.json')
const PACKAGE = 'node_modules/@confluentinc/kafka-javascript'
const reason = existsSync(FACTS) ? '' : ' (skipped: "bun run setup" was not run)'
const hasMake = Bun.which('make') !== null && Bun.which('bash') !== null

/** A project whose package wants this version, and whose sources "build" the real library. */
function project(version: string): TemporaryFolder {
  const folder = new TemporaryFolder()
  const binary = {
    module_name: 'kafka',
    package_name: '{module_name}-{node_abi}.tar.gz',
    host: 'http://127.0.0.1:1/',
    remote_path: 'v{version}',
  }
  const manifest = JSON.stringify({ version: '1.2.3', librdkafka: version, binary })
  const make = `librdkafka.so.1 librdkafka.1.dylib:\n\ttrue -c a.c -o a.o\n\tcp ${REAL} $@\n`
  folder.write({
    [`${PACKAGE}/package.json`]: manifest,
    [`${PACKAGE}/deps/librdkafka/configure`]: 'true',
    [`${PACKAGE}/deps/librdkafka/src/Makefile`]: make,
  })
  return folder
}

async function serveLibrary() {
  const files = { 'build/Release/kafka.node': readFileSync(REAL) }
  const bytes = await new Bun.Archive(files, { compress: 'gzip' }).bytes()
  const fetch = ({ url }: Request) => {
    const found = new URL(url).pathname === '/v1.2.3/kafka-node-v127.tar.gz'
    return found ? new Response(bytes) : new Response('', { status: 404 })
  }
  const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch })
  return { url: server.url.href, [Symbol.dispose]: () => void server.stop(true) }
}

function factsOf(folder: string): LibraryFacts {
  return JSON.parse(readFileSync(join(folder, 'librdkafka.json'), 'utf8')) as LibraryFacts
}

describe.skipIf(reason !== '')(`with a library that works${reason}`, () => {
  const version = reason === '' ? factsOf(join(PROJECT, 'build')).version : ''

  test('downloads the library, then takes it from the cache, then does nothing', async () => {
    using folder = project(version)
    using server = await serveLibrary()
    const { context, said } = contextOf(folder.path, { prebuiltHost: server.url })
    const step = librdkafka(context)
    expect(step.isDone()).toBeFalse()
    await step.run()
    expect(step.isDone()).toBeTrue()
    expect(readFileSync(libraryPath(context.buildFolder)).equals(readFileSync(REAL))).toBeTrue()
    expect(factsOf(context.buildFolder)).toMatchObject({ version, origin: 'prebuilt' })
    expect(factsOf(context.buildFolder).features).toContain('snappy')

    rmSync(context.buildFolder, { recursive: true })
    expect(step.isDone()).toBeFalse()
    await step.run()
    expect(step.isDone()).toBeTrue()
    const ours = withoutTimes(said).filter((line) => !line.includes('no TLS'))
    expect(ours).toEqual([
      `setup: librdkafka ${version} downloaded`,
      `setup: librdkafka ${version} from the cache`,
    ])
  })

  test('a damaged library in build/ is put there again, whatever of it is damaged', async () => {
    using folder = project(version)
    using server = await serveLibrary()
    const { context, said } = contextOf(folder.path, { prebuiltHost: server.url })
    const step = librdkafka(context)
    await step.run()
    const path = libraryPath(context.buildFolder)
    const facts = join(context.buildFolder, 'librdkafka.json')
    const bytes = readFileSync(path)
    const flipped = Buffer.from(bytes)
    flipped[flipped.length >> 1]! ^= 1
    const damages: [string, () => void][] = [
      ['cut off', () => truncateSync(path, 1000)],
      ['empty', () => truncateSync(path, 0)],
      ['another byte', () => writeFileSync(path, flipped)],
      ['gone', () => rmSync(path)],
      ['facts cut off', () => truncateSync(facts, 10)],
    ]
    for (const [what, damage] of damages) {
      damage()
      expect([what, step.isDone()]).toEqual([what, false])
      said.length = 0
      await step.run()
      expect([what, step.isDone()]).toEqual([what, true])
      expect(withoutTimes(said)[0]).toBe(`setup: librdkafka ${version} from the cache`)
      expect(readFileSync(path).equals(bytes)).toBeTrue()
    }
    // Another time alone, as a copied folder has, is no damage.
    utimesSync(path, 1, 1)
    expect(step.isDone()).toBeTrue()
  })

  test('a library that was changed in the cache is made again, though it opens', async () => {
    using folder = project(version)
    using server = await serveLibrary()
    const { context, said } = contextOf(folder.path, { prebuiltHost: server.url })
    await librdkafka(context).run()
    const [entry] = new Bun.Glob('*/librdkafka.json').scanSync(
      join(context.cacheFolder, 'librdkafka'),
    )
    const cached = libraryPath(dirname(join(context.cacheFolder, 'librdkafka', entry!)))
    appendFileSync(cached, '\0')
    rmSync(context.buildFolder, { recursive: true })
    said.length = 0
    await librdkafka(context).run()
    expect(withoutTimes(said).slice(0, 2)).toEqual([
      'setup: librdkafka in the cache is of no use: it is not what was put there',
      `setup: librdkafka ${version} downloaded`,
    ])
  })

  test.skipIf(!hasMake)('builds when nobody serves it, and says so in one line', async () => {
    using folder = project(version)
    const { context, said } = contextOf(folder.path, { prebuiltHost: undefined })
    await librdkafka(context).run()
    expect(factsOf(context.buildFolder)).toMatchObject({ version, origin: 'source' })
    const why = '127.0.0.1:1 cannot be reached'
    expect(said[0]).toBe(`setup: no prebuilt librdkafka (${why}), building it from source`)
  })

  test.skipIf(!hasMake)('refuses a library of another version', async () => {
    using folder = project('2.99.0')
    using server = await serveLibrary()
    const { context, said } = contextOf(folder.path, { prebuiltHost: server.url })
    const why = `version ${version} instead of 2.99.0`
    expect(await failureOf(librdkafka(context).run())).toBe(why)
    expect(said[0]).toBe(`setup: no prebuilt librdkafka (${why}), building it from source`)
    expect(existsSync(libraryPath(context.buildFolder))).toBeFalse()
    expect(existsSync(join(context.cacheFolder, 'librdkafka'))).toBeFalse()
  })

  test('a cached library that does not open is made again', async () => {
    using folder = project(version)
    using server = await serveLibrary()
    const { context, said } = contextOf(folder.path, { prebuiltHost: server.url })
    await librdkafka(context).run()
    const entry = join(
      context.cacheFolder,
      'librdkafka',
      ...new Bun.Glob('*').scanSync({
        cwd: join(context.cacheFolder, 'librdkafka'),
        onlyFiles: false,
      }),
    )
    writeFileSync(libraryPath(entry), 'torn')
    rmSync(context.buildFolder, { recursive: true })
    said.length = 0
    await librdkafka(context).run()
    expect(said[0]).toStartWith(
      'setup: librdkafka in the cache is of no use: cannot use librdkafka.',
    )
    expect(withoutTimes(said)[1]).toBe(`setup: librdkafka ${version} downloaded`)
    expect(readFileSync(libraryPath(entry)).equals(readFileSync(REAL))).toBeTrue()
  })

  test('another version in the package makes the step due', async () => {
    using folder = project('2.99.0')
    const { context } = contextOf(folder.path)
    folder.write({ 'build/librdkafka.json': readFileSync(FACTS) })
    copyFileSync(REAL, libraryPath(context.buildFolder))
    expect(librdkafka(context).isDone()).toBeFalse()
  })
})

test('the first way that works is the last that is tried', async () => {
  const tried: string[] = []
  const failures: string[] = []
  const way = (name: string, works: boolean) => async () => {
    tried.push(name)
    if (!works) throw usageError('test', `${name} fails`)
    return name
  }
  const ways = [way('one', false), way('two', true), way('three', true)]
  expect(await firstThatWorks(ways, (why) => failures.push(why))).toBe('two')
  expect(tried).toEqual(['one', 'two'])
  expect(failures).toEqual(['one fails'])
  const none = firstThatWorks([way('one', false), way('two', false)], () => {})
  expect(await failureOf(none)).toBe('two fails')
})
