// The files a platform team takes as they are: that they hold together, and with the worker.

import { afterAll, describe, expect, test } from 'bun:test'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { SETTINGS } from '../../src/config.ts'
import { BUILD, ROOT } from '../../src/paths.ts'
import { libraryPath, openLibrary } from '../../src/rdkafka/library.ts'
import { describeProperties } from '../../src/rdkafka/properties.ts'

const DEPLOY = join(ROOT, 'deploy')
const folder = mkdtempSync(join(tmpdir(), 'loanstream-deploy-'))

afterAll(() => rmSync(folder, { recursive: true }))

function read(file: string): string {
  return readFileSync(join(DEPLOY, file), 'utf8')
}

const dockerfile = read('Dockerfile')

/** In a mount namespace of its own, in which everything is read-only. */
function confined(command: string[]) {
  const readOnly = 'mount --make-rprivate / && mount -o remount,ro,bind / && exec "$@"'
  const user = ['setpriv', '--reuid', '1000', '--regid', '1000', '--clear-groups']
  const rights = ['--bounding-set=-all', '--no-new-privs']
  return Bun.spawnSync(
    ['unshare', '--mount', 'sh', '-c', readOnly, 'sh', ...user, ...rights, ...command],
    {
      cwd: ROOT,
      env: { PATH: process.env['PATH'], BUN_RUNTIME_TRANSPILER_CACHE_PATH: '0' },
      timeout: 60_000,
    },
  )
}

/** Why there is no such namespace here, or undefined. */
function confinementUnavailable(): string | undefined {
  for (const name of ['unshare', 'setpriv']) if (!Bun.which(name)) return `there is no ${name}`
  if (confined(['true']).exitCode !== 0) return 'no mount namespace may be made'
  // Where the set-up's cache or the project lies in a home that is closed to others.
  const needed = [process.execPath, libraryPath(BUILD)]
  const hidden = needed.find((path) => confined(['test', '-r', path]).exitCode !== 0)
  return hidden && `another user cannot read ${hidden}`
}

describe('container', () => {
  /** What the last stage copies out of the build. */
  const copied = [...dockerfile.matchAll(/^COPY --from=build (.+)$/gm)].flatMap(([, rest]) =>
    rest!
      .split(' ')
      .slice(0, -1)
      .map((path) => path.replace(/^\/app\//, '')),
  )

  test('has every file the worker needs', () => {
    expect(copied.length).toBeGreaterThan(5)
    for (const path of copied) {
      mkdirSync(dirname(join(folder, path)), { recursive: true })
      if (path === 'node_modules') continue
      cpSync(join(ROOT, path), join(folder, path), { recursive: true })
    }
    // Packages as the image has them: those of production, without the client's sources.
    cpSync(join(ROOT, 'bun.lock'), join(folder, 'bun.lock'))
    const install = Bun.spawnSync(
      [process.execPath, 'install', '--frozen-lockfile', '--production', '--ignore-scripts'],
      { cwd: folder },
    )
    expect(install.stderr.toString()).not.toContain('error')
    rmSync(join(folder, 'node_modules/@confluentinc'), { recursive: true })
    const help = Bun.spawnSync([process.execPath, 'src/main.ts', 'worker'], {
      cwd: folder,
      env: {},
    })
    expect(help.stderr.toString()).toContain('bootstrap.servers')
    expect(help.exitCode).toBe(2)
    const demo = Bun.spawnSync(
      [process.execPath, 'src/main.ts', 'demo', '--applications', '2000', '--json'],
      { cwd: folder, env: {}, timeout: 60_000 },
    )
    expect(demo.exitCode).toBe(0)
    expect(JSON.parse(demo.stdout.toString())).toMatchObject({ applications: 2000 })
  }, 120_000)

  test('is built from what its ignore file lets through', () => {
    const allowed = [...read('Dockerfile.dockerignore').matchAll(/^!(.+)$/gm)].map(([, p]) => p!)
    for (const path of allowed) expect(existsSync(join(ROOT, path))).toBe(true)
    const needed = copied.filter((path) => path !== 'node_modules' && path !== 'build')
    const isAllowed = (path: string) =>
      allowed.some((prefix) => path === prefix || path.startsWith(`${prefix}/`))
    expect(needed.filter((path) => !isAllowed(path))).toEqual([])
  })

  test('does not run as root', () => {
    expect(dockerfile).toMatch(/^USER [1-9]\d*:[1-9]\d*$/m)
  })

  const hadolint = Bun.which('hadolint')
  test.skipIf(!hadolint)(`passes hadolint${hadolint ? '' : ' (skipped: it is not here)'}`, () => {
    const { exitCode, stdout } = Bun.spawnSync([hadolint!, '--no-color', 'Dockerfile'], {
      cwd: DEPLOY,
    })
    expect({ exitCode, output: stdout.toString() }).toEqual({ exitCode: 0, output: '' })
  })

  // As the image runs: another user, no capability, nothing to write to; only without its base.
  const why = confinementUnavailable()
  const title = 'decides as a user without rights on a read-only file system'
  test.skipIf(why !== undefined)(
    `${title}${why === undefined ? '' : ` (skipped: ${why})`}`,
    () => {
      const args = ['demo', '--applications', '2000', '--port', '0', '--json']
      const run = confined([process.execPath, 'src/main.ts', ...args])
      expect({ code: run.exitCode, errors: run.stderr.toString() }).toEqual({ code: 0, errors: '' })
      expect(JSON.parse(run.stdout.toString())).toMatchObject({ applications: 2000 })
      expect(confined(['touch', join(ROOT, 'build/written')]).exitCode).not.toBe(0)
      expect(confined(['id', '-u']).stdout.toString()).toBe('1000\n')
    },
    120_000,
  )
})

// Ours, or librdkafka's.
test.each([
  'Dockerfile',
  'compose.yaml',
  'kubernetes/kustomization.yaml',
  'systemd/loanstream.service',
])('variables in %s are settings', (file) => {
  openLibrary(libraryPath(BUILD))
  const names = [...Object.keys(SETTINGS), ...describeProperties().keys()]
  const known = new Set(
    names.map((name) => `LOANSTREAM_${name.toUpperCase().replaceAll(/[.-]/g, '_')}`),
  )
  const used = [...read(file).matchAll(/LOANSTREAM_[A-Z_]+/g)].map(([name]) => name)
  expect(used.length).toBeGreaterThan(0)
  expect(used.filter((name) => !known.has(name))).toEqual([])
})

type Compose = {
  services: Record<
    string,
    { volumes?: string[]; depends_on?: Record<string, unknown>; command?: string[] }
  >
}

test('compose mounts files that are there and depends on services that are there', () => {
  const { services } = Bun.YAML.parse(read('compose.yaml')) as Compose
  for (const { volumes = [], depends_on: needs = {} } of Object.values(services)) {
    for (const volume of volumes) {
      expect(existsSync(join(DEPLOY, volume.split(':')[0]!))).toBe(true)
    }
    for (const name of Object.keys(needs)) expect(Object.keys(services)).toContain(name)
  }
})

const kubectl = Bun.which('kubectl')

describe.skipIf(!kubectl)(`kubernetes${kubectl ? '' : ' (skipped: there is no kubectl)'}`, () => {
  type Manifest = { kind: string; metadata: { name: string }; spec: Record<string, never> }

  test('manifests are put together by kustomize, with selectors that match', () => {
    const { exitCode, stdout, stderr } = Bun.spawnSync([kubectl!, 'kustomize', 'kubernetes'], {
      cwd: DEPLOY,
    })
    expect({ exitCode, stderr: stderr.toString() }).toEqual({ exitCode: 0, stderr: '' })
    const manifests = stdout
      .toString()
      .split(/^---$/m)
      .map((text) => Bun.YAML.parse(text) as Manifest)
    const kinds = manifests.map(({ kind }) => kind).sort()
    expect(kinds).toEqual([
      'ConfigMap',
      'Deployment',
      'Namespace',
      'PodDisruptionBudget',
      'Service',
    ])
    const ours = { 'app.kubernetes.io/name': 'loanstream' }
    const find = (kind: string) => manifests.find((manifest) => manifest.kind === kind)!.spec
    expect(find('Deployment')).toMatchObject({ template: { metadata: { labels: ours } } })
    expect(find('Service')).toMatchObject({ selector: ours })
    expect(find('PodDisruptionBudget')).toMatchObject({ selector: { matchLabels: ours } })
  })
})

const analyze = Bun.which('systemd-analyze')

test.skipIf(!analyze)(
  `systemd takes the unit${analyze ? '' : ' (skipped: there is no systemd-analyze)'}`,
  () => {
    // With a program that is here: which one it is to be is not systemd's question.
    const unit = join(folder, 'loanstream.service')
    const text = read('systemd/loanstream.service')
    writeFileSync(unit, text.replace('/usr/local/bin/bun', process.execPath))
    const { exitCode, stderr } = Bun.spawnSync([analyze!, 'verify', '--man=no', unit])
    expect({ exitCode, stderr: stderr.toString() }).toEqual({ exitCode: 0, stderr: '' })
  },
)

test('grace periods are longer than an orderly stop may take', () => {
  const stopSeconds = SETTINGS['shutdown.timeout.ms'].default / 1000
  const seconds = [
    /stop_grace_period: (\d+)s/.exec(read('compose.yaml')),
    /terminationGracePeriodSeconds: (\d+)/.exec(read('kubernetes/deployment.yaml')),
    /TimeoutStopSec=(\d+)/.exec(read('systemd/loanstream.service')),
  ].map((match) => Number(match?.[1]))
  for (const period of seconds) expect(period).toBeGreaterThan(stopSeconds)
})
