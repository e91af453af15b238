import { createHash } from 'node:crypto'
import { createWriteStream, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { basename, join } from 'node:path'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { isNativeError } from 'node:util/types'
import { parse } from 'yaml'
import { z } from 'zod'
import { startTied } from './tied-process.ts'
import { KUBERNETES_VERSION, OutOfReach, type Report } from './versions.ts'

/** Where the Kubernetes project publishes etcd, kube-apiserver and kubectl for tests, and their SHA-512 sums. */
const INDEX_URL = 'https://raw.githubusercontent.com/kubernetes-sigs/controller-tools/HEAD/envtest-releases.yaml'
/** Until the index has been read and until the archive begins; a network that refuses is given up after this time. */
const ANSWER_MS = 2_500
/** Without a byte for this time the download is given up. */
const STALL_MS = 10_000
const PROGRESS_MS = 5_000
const NAMES = ['etcd', 'kube-apiserver', 'kubectl']

const Index = z.object({ releases: z.record(z.string(), z.record(z.string(), z.object({ hash: z.string(), selfLink: z.string() }))) })

/** Fills a folder from the official archive of this Kubernetes version, or of its nearest patch release, after checking its sum. */
export async function fetchArchive(folder: string, report: Report, indexUrl = INDEX_URL): Promise<void> {
  const { url, hash } = await findArchive(indexUrl)
  const file = join(folder, 'archive.tar.gz')
  const actual = await download(url, file, report)
  if (actual !== hash.toLowerCase()) throw new OutOfReach(`the SHA-512 sum of ${url} is ${actual}, it should be ${hash}`)
  const unpacked = join(folder, 'unpacked')
  mkdirSync(unpacked)
  const tar = await startTied('tar', ['-xzf', file, '-C', unpacked])
  const outcome = await tar.end
  if (outcome !== 'ended with code 0') throw new OutOfReach(`unpacking ${url}: \`tar\` ${outcome}`)
  const paths = readdirSync(unpacked, { recursive: true, encoding: 'utf8' })
  for (const name of NAMES) {
    const path = paths.find((candidate) => basename(candidate) === name)
    if (path === undefined) throw new OutOfReach(`${url} has no \`${name}\``)
    renameSync(join(unpacked, path), join(folder, name))
  }
  rmSync(unpacked, { recursive: true })
  rmSync(file)
}

async function findArchive(indexUrl: string): Promise<{ readonly url: string; readonly hash: string }> {
  const index = await reaching(indexUrl, async () => parse(await (await get(indexUrl, AbortSignal.timeout(ANSWER_MS))).text()))
  const { data } = Index.safeParse(index)
  if (data === undefined) throw new OutOfReach(`${indexUrl} is not the index of releases`)
  const version = nearestVersion(Object.keys(data.releases))
  const platform = `${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`
  const archive = version === undefined ? undefined : data.releases[version]?.[`envtest-${version}-${platform}.tar.gz`]
  if (archive === undefined) throw new OutOfReach(`${indexUrl} has no archive of ${KUBERNETES_VERSION} for ${platform}`)
  return { url: archive.selfLink, hash: archive.hash }
}

/** Our version, else the nearest patch release of the same minor one; undefined if there is none. */
export function nearestVersion(versions: readonly string[], wanted = KUBERNETES_VERSION): string | undefined {
  const [minor, patch] = split(wanted)
  const distance = (version: string): number => Math.abs(split(version)[1] - patch)
  return versions.filter((version) => split(version)[0] === minor).sort((a, b) => distance(a) - distance(b))[0]
}

function split(version: string): readonly [minor: string, patch: number] {
  const [, minor = '', patch = ''] = /^(v\d+\.\d+)\.(\d+)$/.exec(version) ?? []
  return [minor, Number(patch)]
}

async function download(url: string, file: string, report: Report): Promise<string> {
  const controller = new AbortController()
  const giveUp = (): void => controller.abort(new Error('no answer in time'))
  let stall = setTimeout(giveUp, ANSWER_MS)
  const startMs = Date.now()
  let reportedMs = startMs
  let bytes = 0
  const hash = createHash('sha512')
  const meter = new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      clearTimeout(stall)
      stall = setTimeout(giveUp, STALL_MS)
      hash.update(chunk)
      bytes += chunk.byteLength
      if (Date.now() - reportedMs > PROGRESS_MS) {
        reportedMs = Date.now()
        report(`${Math.round((reportedMs - startMs) / 1000)} s: ${Math.round(bytes / 1e6)} MB downloaded`)
      }
      done(null, chunk)
    },
  })
  try {
    await reaching(url, async () => {
      const { body } = await get(url, controller.signal)
      if (body === null) throw new Error('no content')
      report(`downloading ${url}`)
      await pipeline(Readable.from(body), meter, createWriteStream(file), { signal: controller.signal })
    })
  } finally {
    clearTimeout(stall)
  }
  return hash.digest('hex')
}

async function get(url: string, signal: AbortSignal): Promise<Response> {
  const response = await fetch(url, { signal })
  if (!response.ok) throw new Error(`status ${response.status}`)
  return response
}

/** Whatever goes wrong with the network, or with what it gives, closes this way and no more. */
async function reaching<T>(url: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw new OutOfReach(`${url}: ${reason(error)}`)
  }
}

/** What `fetch` hides in the cause of its "fetch failed". */
function reason(error: unknown): string {
  if (!isNativeError(error)) return String(error)
  return isNativeError(error.cause) ? error.cause.message : error.message
}
