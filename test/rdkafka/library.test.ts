// A library that is not the one this was written for is refused before it is used: by its version,
// and by what comes out of its structures. Each is opened in a process of its own.

import { afterAll, describe, expect, test } from 'bun:test'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { BUILD, ROOT } from '../../src/paths.ts'
import { libraryPath } from '../../src/rdkafka/library.ts'

const root = mkdtempSync(join(tmpdir(), 'loanstream-library-'))
afterAll(() => rmSync(root, { recursive: true }))

/** Under the name that the library gives itself, by which it is looked for. */
const REAL = join(root, process.platform === 'darwin' ? 'librdkafka.1.dylib' : 'librdkafka.so.1')
symlinkSync(libraryPath(BUILD), REAL)

const compiler = Bun.which('cc')
let count = 0

/** A shared library from C, with what the real one has where it has nothing of its own. */
function compile(source: string, onReal = false): string {
  const path = join(root, `${count++}.so`)
  writeFileSync(`${path}.c`, source)
  const link = onReal ? ['-Wl,--no-as-needed', REAL, `-Wl,-rpath,${root}`] : []
  const command = [compiler!, '-shared', '-fPIC', `${path}.c`, '-o', path, ...link]
  const { exitCode, stderr } = Bun.spawnSync(command)
  if (exitCode !== 0) throw new Error(stderr.toString())
  return path
}

function check(path: string): { code: number; output: string } {
  const command = [process.execPath, 'src/setup/check-library.ts', path]
  const { exitCode, stdout, stderr } = Bun.spawnSync(command, { cwd: ROOT })
  return { code: exitCode, output: stdout.toString() + stderr.toString() }
}

const versionSource = (number: string, text: string) =>
  `int rd_kafka_version(void) { return ${number}; }
   const char *rd_kafka_version_str(void) { return "${text}"; }`

describe.skipIf(!compiler)(`refused${compiler ? '' : ' (skipped: no C compiler)'}`, () => {
  test.each([
    ['an older version', '0x020400ff', '2.4.0'],
    ['the next major version', '0x030000ff', '3.0.0'],
  ])('%s, by its number', (_, number, text) => {
    const path = compile(versionSource(number, text))
    expect(check(path)).toEqual({
      code: 1,
      output: `${path} is version ${text}, 2.15 or a later 2.x is due\n`,
    })
  })

  test('a library that is none', () => {
    const { code, output } = check(compile('int nothing(void) { return 0; }'))
    expect([code, output]).toEqual([1, expect.stringMatching(/^cannot use .*rd_kafka_version/)])
  })

  test('one that lacks a function', () => {
    const { code, output } = check(compile(versionSource('0x020f01ff', '2.15.1')))
    expect([code, output]).toEqual([1, expect.stringMatching(/^cannot use /)])
  })

  test('one whose list of partitions is laid out in another way', () => {
    // As if the offset lay four bytes further on.
    const source = `
      #include <stdint.h>
      char *rd_kafka_topic_partition_list_find(void *, const char *, int32_t);
      int rd_kafka_topic_partition_list_set_offset(void *l, const char *t, int32_t p, int64_t o) {
        *(int32_t *)(rd_kafka_topic_partition_list_find(l, t, p) + 20) = (int32_t)o;
        return 0;
      }`
    const { code, output } = check(compile(source, true))
    expect(code).toBe(1)
    expect(output).toContain('(version 2.15')
    expect(output).toContain('rd_kafka_topic_partition_list_t reads')
  })

  test('one whose messages are laid out in another way', () => {
    // As if the partition came before the error.
    const source = `
      #include <stdint.h>
      #include <dlfcn.h>
      void *rd_kafka_event_message_next(void *event) {
        static int32_t *(*real)(void *);
        if (!real) real = dlsym(dlopen("${REAL}", RTLD_LAZY), "rd_kafka_event_message_next");
        int32_t *message = real(event);
        if (message) { int32_t err = message[0]; message[0] = message[1]; message[1] = err; }
        return message;
      }`
    const { code, output } = check(compile(source, true))
    expect([code, output]).toEqual([1, expect.stringContaining('rd_kafka_message_t reads')])
  })
})

test('the one that was built is taken', () => {
  const { code, output } = check(libraryPath(BUILD))
  expect([code, output]).toEqual([0, expect.stringContaining('"version":"2.15')])
})
