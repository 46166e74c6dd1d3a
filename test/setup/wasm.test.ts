// The step for the WebAssembly module, with the real compiler on small sources.

import { expect, test } from 'bun:test'
import { existsSync, readFileSync, readdirSync, symlinkSync, truncateSync } from 'node:fs'
import { join } from 'node:path'
import { checkImports, modulePath, standaloneWasm, wasm } from '../../src/setup/wasm.ts'
import { PROJECT, TemporaryFolder, contextOf, failureOf } from './support.ts'

/** The compiler alone takes about a second of one core. */
const TEST_MS_MAX = 60_000

const GOOD = 'export function run(at: usize): i32 { return load<i32>(at) + 1 }'

function project(source: string): TemporaryFolder {
  const folder = new TemporaryFolder()
  folder.write({ 'assembly/index.ts': source })
  symlinkSync(join(PROJECT, 'node_modules'), join(folder.path, 'node_modules'))
  return folder
}

test(
  'compiles once, and again when a source changes, the module is damaged or a build is forced',
  async () => {
    using folder = project(GOOD)
    const { context, said } = contextOf(folder.path)
    const step = wasm(context)
    expect(step.isDone()).toBeFalse()
    await step.run()
    expect(step.isDone()).toBeTrue()
    expect(said[0]).toMatch(/^setup: build\/loanstream\.wasm compiled, \d+ bytes, \d+\.\d s$/)
    expect(wasm({ ...context, forceBuild: true }).isDone()).toBeFalse()

    const before = readFileSync(modulePath(context.buildFolder))
    truncateSync(modulePath(context.buildFolder), before.length - 1)
    expect(step.isDone()).toBeFalse()
    await step.run()
    expect(step.isDone()).toBeTrue()
    expect(readFileSync(modulePath(context.buildFolder)).equals(before)).toBeTrue()

    folder.write({ 'assembly/index.ts': 'export function run(at: usize): i32 { return (' })
    expect(step.isDone()).toBeFalse()
    const failure = await failureOf(step.run())
    expect(failure).toStartWith('assembly/ does not compile: ERROR TS')
    // What was built stays, and is not taken for what the source says.
    expect(readFileSync(modulePath(context.buildFolder)).equals(before)).toBeTrue()
    expect(step.isDone()).toBeFalse()
    expect(readdirSync(context.buildFolder).sort()).toEqual(['loanstream.wasm', 'stamps'])
  },
  TEST_MS_MAX,
)

test(
  'refuses a module that takes more from the host than its memory',
  async () => {
    using folder = project(
      'declare function now(): f64\nexport function run(): f64 { return now() }',
    )
    const { context } = contextOf(folder.path)
    const failure = await failureOf(wasm(context).run())
    const what = 'assembly/ imports index.now, env.memory, only env.memory is due'
    expect(failure).toBe(what)
    expect(existsSync(modulePath(context.buildFolder))).toBeFalse()
  },
  TEST_MS_MAX,
)

test('refuses a module with a memory of its own', () => {
  const empty = new WebAssembly.Module(new Uint8Array([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]))
  expect(() => checkImports(empty)).toThrow('assembly/ imports nothing, only env.memory is due')
})

test(
  'the kernels that stand alone have a memory of their own, and take nothing at all',
  async () => {
    using folder = project(GOOD)
    folder.write({ 'assembly/standalone.ts': GOOD })
    const { context, said } = contextOf(folder.path)
    const step = standaloneWasm(context)
    await step.run()
    expect(said[0]).toMatch(/^setup: build\/standalone\.wasm compiled, \d+ bytes, \d+\.\d s$/)
    expect(step.isDone()).toBeTrue()
    expect(wasm(context).isDone()).toBeFalse()
    const path = join(context.buildFolder, 'standalone.wasm')
    const { exports } = new WebAssembly.Instance(new WebAssembly.Module(readFileSync(path)))
    expect(exports['memory']).toBeInstanceOf(WebAssembly.Memory)

    const source = 'declare function now(): f64\nexport function run(): f64 { return now() }'
    folder.write({ 'assembly/standalone.ts': source })
    const what = 'assembly/ imports standalone.now, nothing is due'
    expect(await failureOf(step.run())).toBe(what)
  },
  TEST_MS_MAX,
)
