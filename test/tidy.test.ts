// The source itself: which room may use which, and what holds for every file. A new import between
// rooms fails here until the table says that it is meant.

import { describe, expect, test } from 'bun:test'
import { readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { ROOT } from '../src/paths.ts'

/** Files of the project by pattern, relative to its folder. */
function filesOf(pattern: string): string[] {
  const files = new Bun.Glob(pattern).scanSync({ cwd: ROOT, dot: true })
  return [...files]
    .filter((file) => !/(^|\/)(node_modules|build|\.git|__pycache__)\//.test(file))
    .sort()
}

function read(file: string): string {
  return readFileSync(join(ROOT, file), 'utf8')
}

const SOURCES = filesOf('{src,assembly}/**/*.ts')

const STATIC = 'import-statement'
const transpiler = new Bun.Transpiler({ loader: 'ts' })

/** What each file imports at run time: imports of types are not among them. */
const IMPORTS = new Map(SOURCES.map((file) => [file, transpiler.scanImports(read(file))]))

/** src/pipeline/loop.ts is in the room pipeline, src/config.ts is a room of its own. */
function roomOf(file: string): string {
  if (file.startsWith('assembly/')) return 'assembly'
  return file.split('/')[1]!.replace(/\.ts$/, '')
}

/** The file an import means, or undefined for a package. */
function resolve(from: string, path: string): string | undefined {
  if (!path.startsWith('.')) return undefined
  const file = normalize(join(dirname(from), path))
  return file.startsWith('assembly/') && !file.endsWith('.ts') ? `${file}.ts` : file
}

/** @param always  only what is imported whenever the file is, not what is when it is called for */
function ownImports(file: string, always = false): string[] {
  const imports = (IMPORTS.get(file) ?? []).filter(({ kind }) => !always || kind === STATIC)
  const targets = imports.flatMap(({ path }) => resolve(file, path) ?? [])
  return targets.filter((target) => target.startsWith('src/') || target.startsWith('assembly/'))
}

/**
 * Which rooms a room may use at run time. `assembly` stands for its layouts, the files that both
 * sides read.
 */
const MAY_USE: Readonly<Record<string, readonly string[]>> = {
  assembly: [],
  // What all may use and what uses nothing of ours.
  doubles: [],
  errors: [],
  hash: [],
  paths: [],
  nearest: [],
  svg: [],
  metrics: [],
  protocol: [],
  status: [],
  json: ['errors'],
  toml: ['errors'],
  secrets: ['errors'],
  log: ['secrets'],
  config: ['errors', 'nearest', 'secrets', 'toml'],
  // What decides.
  records: [],
  avro: ['assembly', 'doubles', 'errors', 'json'],
  policy: ['assembly', 'doubles', 'errors', 'hash', 'json', 'toml'],
  scorer: ['assembly', 'avro', 'doubles', 'errors', 'hash', 'json', 'policy'],
  compiler: ['assembly', 'doubles', 'errors', 'hash', 'json', 'scorer', 'toml'],
  schemas: ['assembly', 'avro', 'errors', 'json', 'policy'],
  registry: ['avro', 'errors', 'json'],
  // Kafka.
  rdkafka: ['assembly', 'avro', 'errors'],
  pipeline: ['assembly', 'avro', 'errors', 'metrics', 'rdkafka', 'scorer'],
  // The process.
  worker: ['errors', 'metrics', 'pipeline', 'rdkafka', 'scorer'],
  'worker-thread': ['errors', 'metrics'],
  refusals: ['errors'],
  supervisor: ['errors', 'log', 'metrics', 'rdkafka', 'refusals', 'worker-thread'],
  swappable: ['errors'],
  'model-host': ['avro', 'errors', 'policy', 'scorer', 'swappable'],
  tracing: ['errors'],
  'decision-id': ['errors', 'registry'],
  // What is said of one decision, and of dead letters, to whoever looks.
  explain: ['decisions', 'errors', 'pipeline', 'scorer'],
  letters: ['avro', 'dlq', 'errors', 'rdkafka'],
  monitor: ['avro', 'decisions', 'errors', 'metrics', 'scorer'],
  http: ['errors', 'explain', 'metrics', 'paths'],
  intake: ['applications', 'avro', 'decisions', 'errors', 'nearest', 'rdkafka'],
  // What runs in a browser.
  pages: [],
  runtime: [
    'avro',
    'config',
    'decision-id',
    'errors',
    'explain',
    'http',
    'intake',
    'letters',
    'model-host',
    'monitor',
    'paths',
    'rdkafka',
    'registry',
    'scorer',
    'supervisor',
    'tracing',
  ],
  // The commands.
  replay: ['assembly', 'avro', 'errors', 'hash', 'json', 'pipeline', 'policy', 'rdkafka', 'scorer'],
  applications: ['assembly', 'avro', 'errors', 'hash', 'json'],
  dlq: [
    'assembly',
    'avro',
    'errors',
    'hash',
    'metrics',
    'nearest',
    'pipeline',
    'rdkafka',
    'replay',
  ],
  decisions: ['avro', 'errors'],
  report: [
    'applications',
    'avro',
    'decisions',
    'errors',
    'monitor',
    'nearest',
    'replay',
    'scorer',
    'svg',
  ],
  demo: ['applications', 'avro', 'decisions', 'errors', 'metrics', 'rdkafka', 'runtime'],
  cli: [
    'applications',
    'avro',
    'compiler',
    'config',
    'decision-id',
    'decisions',
    'demo',
    'dlq',
    'errors',
    'explain',
    'hash',
    'json',
    'log',
    'metrics',
    'nearest',
    'paths',
    'pipeline',
    'policy',
    'rdkafka',
    'replay',
    'report',
    'registry',
    'runtime',
    'schemas',
    'scorer',
    'svg',
  ],
  main: ['cli', 'errors', 'secrets'],
  // The set-up runs before the packages are there, and a part of it after.
  setup: ['compiler', 'errors', 'nearest', 'paths', 'rdkafka', 'scorer'],
}

describe('rooms', () => {
  test('are those of the table', () => {
    expect([...new Set(SOURCES.map(roomOf))].sort()).toEqual(Object.keys(MAY_USE).sort())
  })

  test.each(Object.keys(MAY_USE))('%s uses only what it may', (room) => {
    const broken = SOURCES.filter((file) => roomOf(file) === room).flatMap((file) =>
      ownImports(file)
        .filter((target) => roomOf(target) !== room && !MAY_USE[room]!.includes(roomOf(target)))
        .map((target) => `${file} imports ${target}`),
    )
    expect(broken).toEqual([])
  })

  test('do not use each other in a circle', () => {
    const uses = new Map<string, Set<string>>()
    for (const file of SOURCES) {
      const targets = uses.get(roomOf(file)) ?? new Set()
      for (const target of ownImports(file)) {
        if (roomOf(target) !== roomOf(file)) targets.add(roomOf(target))
      }
      uses.set(roomOf(file), targets)
    }
    const circles: string[] = []
    const visit = (room: string, path: string[]) => {
      if (path.includes(room)) circles.push([...path.slice(path.indexOf(room)), room].join(' → '))
      else for (const next of uses.get(room) ?? []) visit(next, [...path, room])
    }
    for (const room of uses.keys()) visit(room, [])
    expect(circles).toEqual([])
  })

  test('from src, only the layouts of assembly are imported', () => {
    const names = ['layout', 'row-layout', 'attribution-layout']
    const layouts = names.map((name) => `assembly/${name}.ts`)
    const others = SOURCES.filter((file) => file.startsWith('src/')).flatMap((file) =>
      ownImports(file).filter((t) => t.startsWith('assembly/') && !layouts.includes(t)),
    )
    expect(others).toEqual([])
    expect(layouts.flatMap((file) => ownImports(file))).toEqual([])
  })

  test('only rdkafka uses the foreign function interface', () => {
    const users = SOURCES.filter((file) => /['"]bun:ffi['"]/.test(read(file)))
    expect(users.filter((file) => roomOf(file) !== 'rdkafka')).toEqual([])
    expect(users.length).toBeGreaterThan(0)
  })

  // `model` alone loads the compiler, and only once it is called for.
  test('the worker and every other command run without the compiler and the set-up', () => {
    const later = SOURCES.filter((file) => ownImports(file).length > ownImports(file, true).length)
    expect(later).toEqual(['src/cli/model.ts'])
    const reached = new Set<string>()
    const visit = (file: string) => {
      if (reached.has(file)) return
      reached.add(file)
      ownImports(file, true).forEach(visit)
    }
    for (const entry of ['src/main.ts', 'src/worker.ts', 'src/letters/thread.ts']) visit(entry)
    expect(reached.size).toBeGreaterThan(40)
    const rooms = new Set([...reached].filter((file) => file.endsWith('.ts')).map(roomOf))
    expect([...rooms].filter((room) => room === 'compiler' || room === 'setup')).toEqual([])
  })

  test('only main and the set-up read the environment and end the process', () => {
    const users = SOURCES.filter((file) => /process\.(env|exit)\b|\bBun\.env\b/.test(code(file)))
    expect(users.filter((file) => file !== 'src/main.ts' && roomOf(file) !== 'setup')).toEqual([])
    expect(users).toContain('src/main.ts')
  })

  test('no clock and no chance on the path that decides', () => {
    const deciding = SOURCES.filter((file) => ['assembly', 'avro', 'policy'].includes(roomOf(file)))
    const users = [...deciding, 'src/scorer/engine.ts', 'src/scorer/program.ts'].filter((file) =>
      // Of the relaxed instructions one is used as no machine differs in: see the test of its
      // indices.
      /Math\.random|Date\b|performance\.|relaxed_(?!swizzle)/.test(code(file)),
    )
    expect(users).toEqual([])
  })
})

/** A file's text without comments. */
function code(file: string): string {
  return read(file)
    .replace(/\/\*[\s\S]*?\*\//g, '')
    .replace(/(^|\s)\/\/.*$/gm, '')
}

describe('every source file', () => {
  const ALL = [...SOURCES, ...filesOf('bench/**/*.ts')]

  test('starts with a comment that says what it is', () => {
    expect(ALL.filter((file) => !read(file).startsWith('// '))).toEqual([])
  })

  test('has at most 500 lines', () => {
    expect(SOURCES.filter((file) => read(file).split('\n').length > 501)).toEqual([])
  })

  /** Lines of more than 100 columns. A message or test name in one string may be longer. */
  function wideLines(files: readonly string[]): string[] {
    return files.flatMap((file) =>
      read(file)
        .split('\n')
        .flatMap((line, i) => {
          const isText = /^\s*[^/*]*['"`].*['"`][,)\]\s]*$/.test(line)
          return line.length > 100 && !isText ? [`${file}:${i + 1}`] : []
        }),
    )
  }

  test('has lines of at most 100 columns', () => {
    expect(wideLines(SOURCES)).toEqual([])
  })

  test('has no default export and nothing left to do', () => {
    expect(SOURCES.filter((file) => /export default|TODO|FIXME/.test(read(file)))).toEqual([])
  })
})

describe('every committed file', () => {
  const TEXT = filesOf('**/*').filter((file) => !/\.(png|jpg|avro|wasm|bin|so|gz|log)$/.test(file))

  /** Folders of a person's or a build's machine. */
  const MACHINE = /(^|[\s'"`(=:])\/(work|home|Users|root|mnt|workspace|private|Volumes)\/[\w.-]+/
  /** Package registries and their mirrors, whose names say where something was built. */
  const REGISTRY = /artifactory|nexus\.|verdaccio|pkgs\.dev|\.internal\b|\.corp\b|_authToken/i

  test('names no path of a machine', () => {
    const named = TEXT.filter((file) =>
      read(file)
        .split('\n')
        .some((line) => MACHINE.test(line)),
    )
    expect(named).toEqual([])
  })

  test('names no private registry', () => {
    const named = TEXT.filter((file) => file !== 'test/tidy.test.ts' && REGISTRY.test(read(file)))
    expect(named).toEqual([])
  })

  test('of the lock file comes from the public registry, which is not written', () => {
    expect(read('bun.lock')).not.toMatch(/https?:\/\//)
  })
})
