// Which library a machine needs.

import { expect, test } from 'bun:test'
import { join } from 'node:path'
import { libcOf, platformName, thisPlatform } from '../../src/setup/platform.ts'
import { TemporaryFolder } from './support.ts'

test('an executable tells its C library by the loader it names', () => {
  using folder = new TemporaryFolder()
  folder.write({
    musl: `${'\0'.repeat(600)}/lib/ld-musl-x86_64.so.1\0`,
    glibc: `${'\0'.repeat(600)}/lib64/ld-linux-x86-64.so.2\0`,
  })
  expect(libcOf(join(folder.path, 'musl'))).toBe('musl')
  expect(libcOf(join(folder.path, 'glibc'))).toBe('glibc')
})

test('a platform has a name for the cache', () => {
  expect(platformName({ platform: 'linux', arch: 'x64', libc: 'musl' })).toBe('linux-x64-musl')
  expect(platformName({ platform: 'darwin', arch: 'arm64', libc: 'unknown' })).toBe('darwin-arm64')
  expect(platformName(thisPlatform())).toStartWith(`${process.platform}-${process.arch}`)
})
