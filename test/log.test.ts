import { expect, test } from 'bun:test'
import { RepeatFilter } from '../src/log.ts'
import { ROOT } from '../src/paths.ts'

test('a repeated message is held back, whatever numbers are in it, and counted', () => {
  const filter = new RepeatFilter()
  expect(filter.check('connect to 127.0.0.1:9092 failed after 1 ms')).toBe(0)
  expect(filter.check('connect to 127.0.0.1:9093 failed after 22 ms')).toBeUndefined()
  expect(filter.check('another message')).toBe(0)
})

test('the filter remembers a bounded number of messages', () => {
  const filter = new RepeatFilter()
  const message = (i: number) => `message ${String.fromCharCode(0x4e00 + i)}`
  for (let i = 0; i < 600; i++) expect(filter.check(message(i))).toBe(0)
  expect(filter.check(message(599))).toBeUndefined()
  expect(filter.check(message(0))).toBe(0)
})

const canHaveTerminal = process.platform === 'linux' && Bun.which('script') !== null
const why = canHaveTerminal ? '' : " (skipped: there is no util-linux's script)"

/** What a program's log is on a terminal. */
function onTerminal(environment: Record<string, string>): string {
  const program = "import { makeLog } from './src/log.ts'; makeLog('info', 'auto').info('a line')"
  const command = ['script', '-qec', `${process.execPath} -e "${program}"`, '/dev/null']
  const env = { PATH: process.env['PATH'], TERM: 'xterm', ...environment }
  const { stdout } = Bun.spawnSync(command, { cwd: ROOT, stdin: 'ignore', env })
  return stdout.toString()
}

test.skipIf(!canHaveTerminal)(`colours are for terminals, unless NO_COLOR is set${why}`, () => {
  const [coloured, plain] = [onTerminal({}), onTerminal({ NO_COLOR: '1' })]
  expect(coloured).toContain('a line')
  expect(coloured).toContain('\x1b[')
  expect(plain).toContain('a line')
  expect(plain).not.toContain('\x1b[')
})
