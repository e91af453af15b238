import { createHash } from 'node:crypto'
import { createWriteStream, existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
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
  const tar = await startTied('tar', ['-xzf', file, '-C', folder, '--strip-components=2'])
  const outcome = await tar.end
  rmSync(file)
  if (outcome !== 'ended with code 0') throw new OutOfReach(`unpacking ${url}: \`tar\` ${outcome}`)
  for (const name of NAMES) {
    if (!existsSync(join(folder, name))) throw new OutOfReach(`${url} has no \`${name}\``)
  }
}

async function findArchive(indexUrl: string): Promise<{ readonly url: string; readonly hash: string }> {
  const response = await answer(indexUrl, AbortSignal.timeout(ANSWER_MS))
  const { releases } = Index.parse(parse(await response.text()))
  const version = nearestVersion(Object.keys(releases))
  const platform = `${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`
  const archive = version === undefined ? undefined : releases[version]?.[`envtest-${version}-${platform}.tar.gz`]
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
    const { body } = await answer(url, controller.signal)
    if (body === null) throw new OutOfReach(`${url}: no content`)
    report(`downloading ${url}`)
    await pipeline(Readable.from(body), meter, createWriteStream(file), { signal: controller.signal })
  } catch (error) {
    throw error instanceof OutOfReach ? error : new OutOfReach(`${url}: ${reason(error)}`)
  } finally {
    clearTimeout(stall)
  }
  return hash.digest('hex')
}

async function answer(url: string, signal: AbortSignal): Promise<Response> {
  try {
    const response = await fetch(url, { signal })
    if (!response.ok) throw new Error(`status ${response.status}`)
    return response
  } catch (error) {
    throw new OutOfReach(`${url}: ${reason(error)}`)
  }
}

/** What `fetch` hides in the cause of its "fetch failed". */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  return error.cause instanceof Error ? error.cause.message : error.message
}
