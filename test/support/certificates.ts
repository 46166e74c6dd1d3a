// Certificates for tests, made by openssl: an authority, and what it signs. PEM files in a folder.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256']
/** One is never used up while a test runs; one of -1 days has expired. */
const DAYS = 2

/** Paths of a certificate and its key, in PEM. */
export type Certificate = { certificate: string; key: string }

export class Authority implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'loanstream-certificates-'))
  /** Path of its own certificate. */
  readonly certificate = join(this.folder, 'authority.pem')
  private readonly key = join(this.folder, 'authority.key')
  private count = 0

  /** Why no certificates can be made here, in one sentence; undefined when they can. */
  static unavailable(): string | undefined {
    return Bun.which('openssl') ? undefined : 'there is no openssl to make certificates with'
  }

  constructor() {
    const out = ['-keyout', this.key, '-out', this.certificate]
    const subject = ['-subj', '/CN=loanstream-test', '-days', String(DAYS)]
    this.openssl(['req', '-x509', ...KEY, '-nodes', ...out, ...subject])
  }

  /**
   * Makes a certificate for a name, good for 127.0.0.1.
   *
   * @param days        how long it is good; negative: it has expired
   * @param passphrase  of its key; undefined: the key is plain
   */
  issue(name: string, { days = DAYS, passphrase }: { days?: number; passphrase?: string } = {}) {
    const base = join(this.folder, `${name}-${this.count++}`)
    const made: Certificate = { certificate: `${base}.pem`, key: `${base}.key` }
    const extensions = `${base}.ext`
    writeFileSync(extensions, 'subjectAltName=IP:127.0.0.1,DNS:localhost\n')
    const secret = passphrase === undefined ? ['-nodes'] : ['-passout', `pass:${passphrase}`]
    const request = ['-keyout', made.key, '-out', `${base}.csr`, '-subj', `/CN=${name}`]
    this.openssl(['req', ...KEY, ...secret, ...request])
    const signer = ['-CA', this.certificate, '-CAkey', this.key, '-CAcreateserial']
    const end = ['-days', String(days), '-extfile', extensions, '-out', made.certificate]
    this.openssl(['x509', '-req', '-in', `${base}.csr`, ...signer, ...end])
    return made
  }

  private openssl(command: string[]): void {
    const { exitCode, stderr } = Bun.spawnSync(['openssl', ...command])
    if (exitCode !== 0) throw new Error(`openssl ${command[0]}: ${stderr.toString()}`)
  }

  [Symbol.dispose](): void {
    rmSync(this.folder, { recursive: true })
  }
}

/** A key and the certificate of it in one file, as Kafka's PEM key store is. */
export function keyStoreOf({ certificate, key }: Certificate): string {
  const path = `${certificate}.store`
  writeFileSync(path, readFileSync(key, 'utf8') + readFileSync(certificate, 'utf8'))
  return path
}
