import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { fetchArchive, nearestVersion } from './archive.ts'
import { cacheFolder, findAssets, type Source } from './assets.ts'
import { buildWithGo } from './build.ts'
import { exclusively } from './exclusively.ts'
import { startTied } from './tied-process.ts'
import { KUBERNETES_VERSION, OutOfReach } from './versions.ts'

let dir = ''
let env: NodeJS.ProcessEnv = {}
let reports: string[] = []
let server: Server | undefined
const report = (line: string): void => void reports.push(line)

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'bylaw-assets-'))
  env = { BYLAW_CACHE: dir }
  reports = []
})

afterEach(() => {
  server?.close()
  server?.closeAllConnections()
  server = undefined
  rmSync(dir, { recursive: true })
})

const fill =
  (...names: readonly string[]): Source =>
  async (folder) => {
    for (const name of names) writeFileSync(join(folder, name), '')
  }
const THREE = ['etcd', 'kube-apiserver', 'kubectl']

describe('where the binaries come from', () => {
  const given = (...names: readonly string[]): string => {
    const folder = join(dir, 'given')
    mkdirSync(folder, { recursive: true })
    for (const name of names) writeFileSync(join(folder, name), '')
    return folder
  }

  test('KUBEBUILDER_ASSETS comes first', async () => {
    const folder = given(...THREE)
    expect(await findAssets({ env: { ...env, KUBEBUILDER_ASSETS: folder } })).toEqual({
      etcd: join(folder, 'etcd'),
      kubeApiserver: join(folder, 'kube-apiserver'),
      kubectl: join(folder, 'kubectl'),
      kubeControllerManager: undefined,
    })
  })

  test('a TEST_ASSET variable wins over the folder', async () => {
    const folder = given(...THREE, 'kube-controller-manager')
    writeFileSync(join(dir, 'my-etcd'), '')
    expect(await findAssets({ env: { ...env, KUBEBUILDER_ASSETS: folder, TEST_ASSET_ETCD: join(dir, 'my-etcd') } })).toEqual({
      etcd: join(dir, 'my-etcd'),
      kubeApiserver: join(folder, 'kube-apiserver'),
      kubectl: join(folder, 'kubectl'),
      kubeControllerManager: join(folder, 'kube-controller-manager'),
    })
  })

  test('variables that name too little are an error that says what is missing', async () => {
    await expect(findAssets({ env: { ...env, TEST_ASSET_ETCD: join(dir, 'nowhere') } })).rejects.toThrow(
      `name no file \`${dir}/nowhere\`, no \`kube-apiserver\`, no \`kubectl\``,
    )
  })

  test('what was made once is found again', async () => {
    const made = await findAssets({ env, report, sources: [fill(...THREE)] })
    expect(dirname(made.etcd)).toBe(cacheFolder(env))
    expect(await findAssets({ env, sources: [] })).toEqual(made)
  })

  test('a source that is out of reach leaves nothing behind, and the next one is tried', async () => {
    const closed: Source = async (folder) => {
      writeFileSync(join(folder, 'half'), '')
      throw new OutOfReach('the network refuses')
    }
    await findAssets({ env, report, sources: [closed, fill(...THREE)] })
    expect(reports).toEqual(['the network refuses'])
    expect(readdirSync(cacheFolder(env)).sort()).toEqual(THREE)
    expect(readdirSync(dirname(cacheFolder(env))).filter((name) => name.includes('unfinished'))).toEqual([])
  })

  test('where none is in reach the error says what to do, and every reason', async () => {
    const closed: Source = async () => {
      throw new OutOfReach('the network refuses')
    }
    const withoutGo: Source = (folder) => buildWithGo(folder, report, [join(dir, 'no-go')])
    await expect(findAssets({ env, report, sources: [closed, withoutGo] })).rejects.toThrow(
      'no control plane can be had: install Go 1.26 or newer, or let KUBEBUILDER_ASSETS name a folder with `etcd`, `kube-apiserver` and `kubectl`\n' +
        '  - the network refuses\n' +
        '  - Go was not found (looked for `go` in PATH and in the usual places)',
    )
  })

  test('an archive in the cache does not do where the controller manager is asked for', async () => {
    await findAssets({ env, report, sources: [fill(...THREE)] })
    const built = await findAssets({ env: { ...env, BYLAW_CONTROL_PLANE_SOURCE: 'build' }, report, sources: [fill(...THREE, 'kube-controller-manager')] })
    expect(built.kubeControllerManager).toBe(join(cacheFolder(env), 'kube-controller-manager'))
  })

  test('two at once make it once', async () => {
    let count = 0
    const slow: Source = async (folder, tell) => {
      count += 1
      await new Promise((resolve) => setTimeout(resolve, 300))
      await fill(...THREE)(folder, tell)
    }
    const [one, two] = await Promise.all([findAssets({ env, report, sources: [slow] }), findAssets({ env, report, sources: [slow] })])
    expect(one).toEqual(two)
    expect(count).toBe(1)
    expect(reports).toEqual([`another process is making ${cacheFolder(env)}: waiting for it`])
  })

  test('what a killed run left unfinished is removed', async () => {
    const unfinished = `${cacheFolder(env)}.unfinished-1`
    mkdirSync(unfinished, { recursive: true })
    await findAssets({ env, report, sources: [fill(...THREE)] })
    expect(existsSync(unfinished)).toBe(false)
  })
})

describe('the lock', () => {
  test('is free at once when its holder is killed', async () => {
    const lockFile = join(dir, 'lock')
    const script = `const { exclusively } = await import(${JSON.stringify(import.meta.resolve('./exclusively.ts'))})
      await exclusively(${JSON.stringify(lockFile)}, () => {}, () => { console.log('held'); return new Promise((resolve) => setTimeout(resolve, 60_000)) })`
    const holder = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    await once(holder.stdout, 'data')
    const order: string[] = []
    const mine = exclusively(
      lockFile,
      () => order.push('waiting'),
      async () => order.push('mine'),
    )
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(order).toEqual(['waiting'])
    holder.kill('SIGKILL')
    await mine
    expect(order).toEqual(['waiting', 'mine'])
  })
})

describe('the official archive', () => {
  const platform = `${process.platform}-${process.arch === 'x64' ? 'amd64' : process.arch}`

  const listen = async (listener: RequestListener): Promise<string> => {
    server = createServer(listener).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    return typeof address === 'object' ? `http://127.0.0.1:${address?.port}` : ''
  }

  const archive = async (): Promise<Buffer> => {
    const folder = join(dir, 'archive', 'controller-tools', 'envtest')
    mkdirSync(folder, { recursive: true })
    for (const name of THREE) writeFileSync(join(folder, name), `the ${name}`, { mode: 0o755 })
    await (await startTied('tar', ['-czf', join(dir, 'archive.tar.gz'), '-C', join(dir, 'archive'), '.'])).end
    return readFileSync(join(dir, 'archive.tar.gz'))
  }

  const publish = async (content: Buffer, hash: string): Promise<string> => {
    const url = await listen((request, response) => {
      const index = { releases: { [KUBERNETES_VERSION]: { [`envtest-${KUBERNETES_VERSION}-${platform}.tar.gz`]: { hash, selfLink: `${url}/archive` } } } }
      response.end(request.url === '/archive' ? content : JSON.stringify(index))
    })
    return url
  }

  const target = (): string => {
    mkdirSync(join(dir, 'target'))
    return join(dir, 'target')
  }

  test('is unpacked if its sum is right', async () => {
    const content = await archive()
    const url = await publish(content, createHash('sha512').update(content).digest('hex'))
    const folder = target()
    await fetchArchive(folder, report, url)
    expect(readdirSync(folder).sort()).toEqual(THREE)
    expect(readFileSync(join(folder, 'kubectl'), 'utf8')).toBe('the kubectl')
  })

  test('is refused if its sum is wrong', async () => {
    const content = await archive()
    const url = await publish(content, 'f'.repeat(128))
    const actual = createHash('sha512').update(content).digest('hex')
    await expect(fetchArchive(target(), report, url)).rejects.toThrow(
      new OutOfReach(`the SHA-512 sum of ${url}/archive is ${actual}, it should be ${'f'.repeat(128)}`),
    )
  })

  test.each<readonly [string, RequestListener | undefined, string]>([
    ['refuses', undefined, 'ECONNREFUSED'],
    ['answers 404', (_, response) => void response.writeHead(404).end(), 'status 404'],
    ['answers with a page of a proxy', (_, response) => void response.end('<html>please log in</html>'), 'is not the index of releases'],
    [
      'breaks off',
      (_, response) => {
        response.writeHead(200, { 'content-length': '1000' }).write('releases:')
        setTimeout(() => response.destroy(), 50)
      },
      'other side closed',
    ],
    ['gives what is not YAML', (_, response) => void response.end('{ "releases": '), '/: '],
    ['does not know the version', (_, response) => void response.end('releases: {}'), `has no archive of ${KUBERNETES_VERSION} for ${platform}`],
    ['never answers', () => undefined, 'timeout'],
    [
      'gives the index but never the archive',
      (request, response) => {
        const selfLink = `http://${request.headers.host}/archive`
        if (request.url === '/')
          response.end(JSON.stringify({ releases: { [KUBERNETES_VERSION]: { [`envtest-${KUBERNETES_VERSION}-${platform}.tar.gz`]: { hash: '', selfLink } } } }))
      },
      'no answer in time',
    ],
  ])('is given up within 5 s where the network %s', async (_name, listener, reason) => {
    const url = await listen(listener ?? (() => undefined))
    if (listener === undefined) server?.close()
    const startMs = Date.now()
    const attempt = fetchArchive(target(), report, `${url}/`)
    await expect(attempt).rejects.toThrow(OutOfReach)
    await expect(attempt).rejects.toThrow(reason)
    expect(Date.now() - startMs).toBeLessThan(5_000)
  })

  test.each<readonly [string, readonly string[], string | undefined]>([
    ['our version itself', ['v1.37.1', 'v1.37.2', 'v1.37.3'], 'v1.37.2'],
    ['else the nearest patch release', ['v1.37.0', 'v1.37.1', 'v1.36.2', 'v1.38.2'], 'v1.37.1'],
    ['never another minor release', ['v1.36.2', 'v1.38.0', 'v1.37.0-rc.1'], undefined],
  ])('is chosen by its version: %s', (_name, versions, expected) => {
    expect(nearestVersion(versions, 'v1.37.2')).toBe(expected)
  })
})

describe('the build', () => {
  const fakeGo = (script: string): string => {
    const file = join(dir, 'go')
    writeFileSync(file, `#!/bin/sh\n[ "$1" = version ] && exit 0\n${script}\n`)
    chmodSync(file, 0o755)
    return file
  }

  test('makes one binary and a link for each of its names', async () => {
    const folder = join(dir, 'built')
    mkdirSync(folder)
    await buildWithGo(folder, report, [fakeGo('while [ "$1" != -o ]; do shift; done; echo built > "$2"')])
    expect(readdirSync(folder).sort()).toEqual(['controlplane', 'etcd', 'kube-apiserver', 'kube-controller-manager', 'kubectl'])
    expect(readFileSync(join(folder, 'etcd'), 'utf8')).toBe('built\n')
  })

  test('that fails says how, with the last lines of Go', async () => {
    const go = fakeGo('echo "go: downloading x v1"; echo "main.go:1:1: not Go" >&2; exit 3')
    await expect(buildWithGo(dir, report, [go])).rejects.toThrow(
      new OutOfReach(`\`${go} build\` ended with code 3:\n    go: downloading x v1\n    main.go:1:1: not Go`),
    )
  })
})

test('the version is the one in go.mod', () => {
  expect(readFileSync(join(import.meta.dirname, 'go.mod'), 'utf8')).toContain(`k8s.io/kubernetes ${KUBERNETES_VERSION}\n`)
})
