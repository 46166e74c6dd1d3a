// The build from sources, with sources of our own that take no time to compile.

import { expect, test } from 'bun:test'
import { existsSync, readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { buildLibrary, findTools } from '../../src/setup/source-build.ts'
import { TemporaryFolder, contextOf, failureOf } from './support.ts'

const hasMake = Bun.which('make') !== null && Bun.which('bash') !== null
const needsMake = hasMake ? '' : ' (skipped: needs make and bash)'

/** Sources whose compiler is `true`: what is tried here is our side of it. */
function fakeSources(configure: string) {
  const compile = (name: string) => `${name}.o:\n\ttrue -c ${name}.c -o ${name}.o && touch $@\n`
  const files = ['a', 'b', 'c', 'd']
  const objects = files.map((name) => `${name}.o`).join(' ')
  const library = `librdkafka.so.1 librdkafka.1.dylib: ${objects}\n\tcp ../configured $@\n`
  return {
    'source/configure': configure,
    'source/src/Makefile': library + files.map(compile).join(''),
    'source/tests/large': 'not needed',
    'scratch/.keep': '',
  }
}

function optionsOf(folder: TemporaryFolder) {
  const { context, said } = contextOf(folder.path)
  const options = {
    version: '9.9.9',
    sourceFolder: join(folder.path, 'source'),
    scratchFolder: join(folder.path, 'scratch'),
    logPath: join(folder.path, 'logs/build.log'),
    environment: { ...process.env, CC: 'true', MAKEFLAGS: '-n' },
    report: context.report,
  }
  return { options, said }
}

test.skipIf(!hasMake)(
  `configures and compiles a copy, counts the files and keeps the log${needsMake}`,
  async () => {
    using folder = new TemporaryFolder()
    folder.write(fakeSources('echo "checking $CC $CXX $*"; echo "$CXX" > configured'))
    const { options, said } = optionsOf(folder)
    const before = readdirSync(options.sourceFolder)
    const path = await buildLibrary(options)
    expect(readFileSync(path, 'utf8')).toBe('true\n')
    expect(said).toEqual(
      [1, 2, 3, 4].map((done) => `setup: librdkafka 9.9.9: compiled files: ${done} of 4`),
    )
    expect(readdirSync(options.sourceFolder)).toEqual(before)
    expect(existsSync(join(options.scratchFolder, 'librdkafka/tests'))).toBeFalse()
    expect(readFileSync(options.logPath, 'utf8')).toContain('checking true true --no-download')
  },
)

test.skipIf(!hasMake)(`names the cause and the log when it fails${needsMake}`, async () => {
  using folder = new TemporaryFolder()
  folder.write(fakeSources('echo checking; echo "x.h: error: no such file" >&2; exit 1'))
  const { options } = optionsOf(folder)
  const failure = await failureOf(buildLibrary(options))
  const why = 'librdkafka 9.9.9 could not be built, configure: x.h: error: no such file'
  expect(failure).toBe(`${why}; the log is ${options.logPath}`)
})

test('takes the compiler that the environment names, else the first there is', () => {
  const which = (name: string) => (name === 'cc' ? null : `/bin/${name}`)
  expect(findTools(undefined, which).compiler).toBe('gcc')
  expect(findTools('', which).compiler).toBe('gcc')
  expect(findTools('tcc', which)).toEqual({ compiler: 'tcc', make: '/bin/make', bash: '/bin/bash' })
})

test('says everything that is missing, and how to get it', () => {
  const only =
    (...names: string[]) =>
    (name: string) =>
      names.includes(name) ? name : null
  expect(() => findTools(undefined, only('bash'))).toThrow('missing: a C compiler, make; install')
  expect(() => findTools(undefined, only('clang', 'make'))).toThrow('missing: bash; install')
})
