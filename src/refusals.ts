// What a broker refuses for good: wrong credentials, TLS that fails, a missing ACL. librdkafka
// tries again, ever more slowly, and tells of it each time; here each reason is told once, in one
// line that says what to mend, and when it lasts the process gives up, so that its supervisor acts.

import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { connect } from 'node:tls'
import { OperatingError } from './errors.ts'
import type { Log } from './log.ts'

type Refusal = {
  kind: 'credentials' | 'tls' | 'access'
  /** Such as sasl_ssl://broker1:9092, or '' where it is not told. */
  broker: string
  reason: string
}

/** What an ACL forbids is asked for again and again; after such a silence it is allowed. */
const QUIET_MS = 15_000
const DIAGNOSIS_MS_MAX = 2000

const ADVICE: Readonly<Record<Refusal['kind'], string>> = {
  credentials: 'check sasl.mechanism and the credentials that belong to it',
  tls: 'check ssl.ca.location, ssl.certificate.location and ssl.key.location',
  access: 'give the principal the ACLs that README.md lists',
}

/**
 * Tells a refusal from other errors.
 *
 * @param code     librdkafka's name of the error; '' when there is but its log line
 * @param message  librdkafka's, such as ssl://127.0.0.1:9093/bootstrap: SSL handshake failed: …
 */
function refusalOf(code: string, message: string): Refusal | undefined {
  const kind = kindOf(code, message)
  if (!kind) return undefined
  const plain = message.replace(/^\[thrd:[^\]]*\]: /, '').replace(/ \(after \d+ms in state .*$/, '')
  const [, broker = '', reason = plain] = /^(\S+:\d+)\/\S+: (.*)$/s.exec(plain) ?? []
  return { kind, broker, reason }
}

function kindOf(code: string, message: string): Refusal['kind'] | undefined {
  const isAccess = code.endsWith('_AUTHORIZATION_FAILED') || /authorization failed/i.test(message)
  if (isAccess) return 'access'
  if (code === '_AUTHENTICATION' || /SASL authentication error/.test(message)) return 'credentials'
  if (code === '_SSL' || /SSL (handshake failed|routines)/.test(message)) return 'tls'
  if (/Failed to (acquire|retrieve) \S+( \S+)? token/.test(message)) return 'credentials'
  return undefined
}

type RefusalsOptions = {
  /** librdkafka's properties of the client that is refused. */
  properties: Readonly<Record<string, string>>
  /** How long a refusal may last. */
  timeoutMs: number
  log: Log
  /** Whether a broker answers us now. */
  isAnswered(): boolean
  /** Called once. */
  onGiveUp(error: OperatingError): void
}

export class Refusals {
  /** What was refused, in a sentence; '' when nothing is. */
  reason = ''
  private kind: Refusal['kind'] | undefined
  private readonly options: RefusalsOptions
  private readonly told = new Set<string>()
  private lastMs = 0
  private timer: ReturnType<typeof setTimeout> | undefined

  constructor(options: RefusalsOptions) {
    this.options = options
  }

  /**
   * Takes an error or a log line of librdkafka.
   *
   * @param code  its name, where there is one
   *
   * @returns whether it is a refusal, or follows from one: it is told here then
   */
  take(code: unknown, message: string): boolean {
    const refusal = refusalOf(typeof code === 'string' ? code : '', message)
    if (!refusal) return this.reason !== '' && code === '_ALL_BROKERS_DOWN'
    this.lastMs = Date.now()
    this.kind = refusal.kind
    this.timer ??= setTimeout(() => this.decide(), this.options.timeoutMs)
    if (this.isTold(refusal)) return true
    this.reason = sentence(refusal)
    if (refusal.kind === 'tls') void this.diagnose(refusal)
    else this.tell(refusal)
    return true
  }

  /** Whether this was told before; it counts as told from now on. */
  private isTold({ kind, reason }: Refusal): boolean {
    const key = kind === 'access' ? `${kind} ${resourceOf(reason)}` : kind
    // What follows from it names the topic no more.
    const isKnown = [...this.told].some((told) => told.startsWith(key))
    this.told.add(key)
    return isKnown
  }

  /** A broker has answered: it takes our credentials. */
  accepted(): void {
    if (this.kind !== 'access') this.clear()
  }

  /** The group has taken us. */
  clear(): void {
    if (this.reason !== '') this.options.log.info('the broker refuses this worker no longer')
    clearTimeout(this.timer)
    this.timer = undefined
    this.reason = ''
    this.kind = undefined
    this.told.clear()
  }

  /** Ends the watch. */
  close(): void {
    clearTimeout(this.timer)
  }

  /** Silence says nothing of credentials: librdkafka holds back what it has told before. */
  private decide(): void {
    const hasPassed =
      this.kind === 'access'
        ? Date.now() - this.lastMs > Math.max(QUIET_MS, this.options.timeoutMs / 2)
        : this.options.isAnswered()
    if (hasPassed) {
      this.clear()
      return
    }
    const what = `${this.reason} (for ${this.options.timeoutMs} ms, broker.timeout.ms)`
    this.options.onGiveUp(new OperatingError('fatal', 'refused', what))
  }

  private tell({ kind, broker }: Refusal): void {
    const { log, timeoutMs } = this.options
    const fields = { refused: kind, ...(broker && { broker }), gives_up_after_ms: timeoutMs }
    log.error(fields, `${this.reason}; ${ADVICE[kind]}`)
  }

  /** OpenSSL's words do not say what is wrong with a certificate; its dates and issuer do. */
  private async diagnose(refusal: Refusal): Promise<void> {
    const { properties } = this.options
    const found =
      ownCertificateFault(properties) ?? (await brokerCertificateFault(refusal.broker, properties))
    this.reason = sentence(found === undefined ? refusal : { ...refusal, reason: found })
    this.tell(refusal)
  }
}

/** What kind of thing is forbidden, and its name where the message has it. */
function resourceOf(reason: string): string {
  const resource = /(\w+) (?:id )?authorization failed/i.exec(reason)?.[1] ?? ''
  const name = /"([^"]+)"|metadata of (\S+):/.exec(reason)
  return `${resource.toLowerCase()} ${name?.[1] ?? name?.[2] ?? ''}`
}

function sentence({ kind, reason }: Refusal): string {
  if (kind === 'credentials') return `the broker refuses our credentials: ${reason}`
  return kind === 'tls' ? `no TLS with the broker: ${reason}` : `the broker forbids: ${reason}`
}

/** What is wrong with the certificate that we show, as far as its dates tell. */
function ownCertificateFault(properties: Readonly<Record<string, string>>): string | undefined {
  const path = properties['ssl.certificate.location']
  const pem = properties['ssl.certificate.pem'] ?? (path && readIfThere(path))
  if (!pem) return undefined
  try {
    const { validTo, validFrom } = new X509Certificate(pem)
    const name = path ?? 'ssl.certificate.pem'
    if (Date.parse(validTo) < Date.now()) return `our certificate ${name} expired on ${validTo}`
    if (Date.parse(validFrom) > Date.now()) return `our certificate ${name} is due on ${validFrom}`
  } catch {
    // librdkafka has taken it: what it holds is told by OpenSSL.
  }
  return undefined
}

/** Shakes hands without any check, and looks at what the broker shows. */
async function brokerCertificateFault(
  broker: string,
  properties: Readonly<Record<string, string>>,
): Promise<string | undefined> {
  const [, host, port] = /^(?:\w+:\/\/)?\[?([^\]]+?)\]?:(\d+)$/.exec(broker) ?? []
  if (host === undefined) return undefined
  const path = properties['ssl.ca.location']
  const ca = properties['ssl.ca.pem'] ?? (path && readIfThere(path))
  const { promise, resolve } = Promise.withResolvers<string | undefined>()
  const options = { host, port: Number(port), rejectUnauthorized: false, ...(ca && { ca }) }
  const socket = connect(options, () => {
    // Types say Error; it is the code.
    const code = String(socket.authorizationError ?? '')
    const { valid_to: validTo } = socket.getPeerCertificate()
    if (code === 'CERT_HAS_EXPIRED') resolve(`the certificate of ${broker} expired on ${validTo}`)
    else if (code) resolve(`the certificate of ${broker} cannot be trusted (${code})`)
    else resolve(undefined)
  })
  socket.on('error', () => resolve(undefined))
  socket.setTimeout(DIAGNOSIS_MS_MAX, () => resolve(undefined))
  const fault = await promise
  socket.destroy()
  return fault
}

function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined
  }
}
