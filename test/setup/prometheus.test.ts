// The set-up's step for Prometheus: what is installed is used, apt's package is unpacked else, and
// where neither can be had it says why and fails nothing.

import { expect, test } from 'bun:test'
import { chmodSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { findPrometheus, prometheus, prometheusFactsPath } from '../../src/setup/prometheus.ts'
import { readJsonIfThere } from '../../src/setup/stamp.ts'
import { TemporaryFolder, contextOf } from './support.ts'

/** A folder of programs, each a shell script. */
function programs(folder: TemporaryFolder, scripts: Record<string, string>): string {
  for (const [name, script] of Object.entries(scripts)) {
    folder.write({ [`bin/${name}`]: `#!/bin/sh\n${script}\n` })
    chmodSync(join(folder.path, 'bin', name), 0o755)
  }
  return join(folder.path, 'bin')
}

function environment(path: string) {
  return { environment: { PATH: path } }
}

test('what is installed is used', async () => {
  using folder = new TemporaryFolder()
  const bin = programs(folder, { promtool: '', prometheus: '' })
  const { context, said } = contextOf(folder.path, environment(bin))
  expect(await findPrometheus(context)).toEqual({
    promtool: join(bin, 'promtool'),
    prometheus: join(bin, 'prometheus'),
  })
  expect(said).toEqual([])
})

test('without apt the tests are skipped, with the reason, and it is tried again', async () => {
  using folder = new TemporaryFolder()
  const { context, said } = contextOf(folder.path, environment(programs(folder, { sh: '' })))
  const step = prometheus(context)
  await step.run()
  const unavailable =
    'tests with Prometheus are skipped: not installed, and there is no apt-get, dpkg-deb'
  expect(said).toEqual([`setup: ${unavailable}`])
  expect(readJsonIfThere(prometheusFactsPath(context.buildFolder))).toEqual({ unavailable })
  expect(step.isDone()).toBe(false)
})

test.each([
  ['apt that knows no such package', 'echo "E: Unable to locate package" >&2; exit 100', 'Unable'],
  ['apt that brings nothing', 'exit 0', 'exit code 0'],
  ['a package that is damaged', 'echo damaged > prometheus.deb', 'cannot be unpacked'],
])('%s: skipped with its words, and nothing is left', async (_, script, says) => {
  using folder = new TemporaryFolder()
  const bin = programs(folder, { 'apt-get': script, 'dpkg-deb': 'echo "no archive" >&2; exit 2' })
  const { context } = contextOf(folder.path, environment(`${bin}:/bin`))
  const facts = await findPrometheus(context)
  expect(facts).toEqual({ unavailable: expect.stringContaining(says) })
  expect(existsSync(join(context.cacheFolder, 'prometheus'))).toBe(false)
})

test('a package goes into the cache, and the next clone takes it from there', async () => {
  using folder = new TemporaryFolder()
  const unpack = 'mkdir -p "$3/usr/bin"; touch "$3/usr/bin/promtool" "$3/usr/bin/prometheus"'
  const bin = programs(folder, {
    'apt-get': `echo x > prometheus_1.deb; echo got >> ${join(folder.path, 'log')}`,
    'dpkg-deb': unpack,
  })
  const { context } = contextOf(folder.path, environment(`${bin}:/bin`))
  const place = join(context.cacheFolder, 'prometheus/usr/bin')
  const due = { promtool: join(place, 'promtool'), prometheus: join(place, 'prometheus') }
  expect(await findPrometheus(context)).toEqual(due)
  expect(await findPrometheus(context)).toEqual(due)
  expect(await Bun.file(join(folder.path, 'log')).text()).toBe('got\n')
})
