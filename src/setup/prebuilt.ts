// The library that the package's maintainers built: an archive with a Node add-on that holds
// librdkafka and exports its functions. No part of Node is used, so any of its versions will do.

import { usageError } from '../errors.ts'
import type { Platform } from './platform.ts'

/** What the package's package.json says about its archives; node-pre-gyp's vocabulary. */
export type PackageBinary = {
  module_name: string
  package_name: string
  host: string
  remote_path: string
}

export type DownloadLimits = { firstByteMs: number; totalMs: number; bytesMax: number }

export const DOWNLOAD_LIMITS: DownloadLimits = {
  firstByteMs: 5_000,
  totalMs: 60_000,
  bytesMax: 128 * 1024 * 1024,
}

/** Node's ABI versions to ask for, in this order: 22 and 24, the long-term ones. */
const NODE_ABIS = ['node-v127', 'node-v137']

/** Addresses of the archives, the best first. */
export function archiveUrls(
  version: string,
  binary: PackageBinary,
  { platform, arch, libc }: Platform,
  host = binary.host,
): string[] {
  return NODE_ABIS.map((abi) => {
    const values = { module_name: binary.module_name, version, node_abi: abi, platform, arch, libc }
    const path = `${binary.remote_path}/${binary.package_name}`
    return new URL(fill(path, values), host.endsWith('/') ? host : `${host}/`).href
  })
}

function fill(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/\{(\w+)\}/g, (whole, name: string) => values[name] ?? whole)
}

/**
 * Downloads the first archive that exists and takes the add-on out of it.
 *
 * @throws OperatingError kind 'usage', code 'prebuilt', that says why there is none
 */
export async function downloadAddon(
  urls: readonly string[],
  limits: DownloadLimits,
): Promise<Uint8Array> {
  for (const url of urls) {
    const archive = await download(url, limits)
    if (archive) return await extractAddon(archive)
  }
  throw unavailable(`${new URL(urls[0]!).host} has none for this platform`)
}

/** The file's bytes, or undefined when the server has no such file. */
async function download(url: string, limits: DownloadLimits): Promise<Uint8Array | undefined> {
  const { host } = new URL(url)
  const abort = new AbortController()
  const stop = (what: string) => () => abort.abort(unavailable(`${host} ${what}`))
  const firstByte = setTimeout(stop('does not answer'), limits.firstByteMs)
  const total = setTimeout(stop('is too slow'), limits.totalMs)
  try {
    const response = await fetch(url, { signal: abort.signal })
    clearTimeout(firstByte)
    if (response.status === 404) return undefined
    if (!response.ok) throw unavailable(`${host} answers ${response.status}`)
    return await bodyOf(response, host, limits.bytesMax)
  } catch (error) {
    if (abort.signal.aborted) throw abort.signal.reason
    if (error instanceof Error && error.name === 'OperatingError') throw error
    throw unavailable(`${host} cannot be reached`, error)
  } finally {
    clearTimeout(firstByte)
    clearTimeout(total)
  }
}

async function bodyOf(response: Response, host: string, bytesMax: number): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of response.body ?? []) {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes > bytesMax) throw unavailable(`${host} sends more than ${bytesMax} bytes`)
  }
  return Buffer.concat(chunks)
}

/**
 * The one add-on (*.node) of a .tar.gz.
 *
 * @throws OperatingError kind 'usage', code 'prebuilt', when it is no archive or holds none
 */
export async function extractAddon(archive: Uint8Array): Promise<Uint8Array> {
  let addon: Blob | undefined
  try {
    const files = await new Bun.Archive(archive).files()
    for (const [name, file] of files) if (name.endsWith('.node')) addon = file
  } catch (error) {
    throw unavailable('what was sent is no archive', error)
  }
  if (!addon) throw unavailable('the archive holds no library')
  return await addon.bytes()
}

function unavailable(why: string, cause?: unknown) {
  return usageError('prebuilt', why, cause)
}
