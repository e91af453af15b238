import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { z } from 'zod'
import { findAssets } from './assets.ts'
import { poll } from './cluster.ts'
import { type ControlPlane, startControlPlane } from './control-plane.ts'
import { freePort } from './ports.ts'
import { CONTROL_PLANE_MS } from './shared.ts'

const START_MS = 60_000
const REPLICASET_CONTROLLER = 'system:serviceaccount:kube-system:replicaset-controller'

const Review = z.object({ status: z.object({ allowed: z.boolean() }) })
const WhoAmI = z.object({ status: z.object({ userInfo: z.object({ username: z.string(), groups: z.array(z.string()) }) }) })
const PodList = z.object({ items: z.array(z.object({ metadata: z.object({ name: z.string() }) })) })

const pod = (name: string): object => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name }, spec: { containers: [{ name: 'main', image: 'example' }] } })
const configMap = (name: string): object => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } })

let plane: ControlPlane

beforeAll(async () => {
  plane = await startControlPlane({ users: [{ name: 'carol', groups: ['auditors'], grants: [{ apiGroups: [''], resources: ['events'], verbs: ['list'] }] }] })
}, CONTROL_PLANE_MS)

afterAll(() => plane.stop())

async function may(user: string, verb: string, resource: string, namespace: string): Promise<boolean> {
  const [name = '', group = ''] = resource.split('.', 1).concat(resource.split('.').slice(1).join('.'))
  const body = {
    apiVersion: 'authorization.k8s.io/v1',
    kind: 'SelfSubjectAccessReview',
    spec: { resourceAttributes: { verb, group, resource: name, namespace } },
  }
  const answer = await plane.request('POST', '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews', { as: user, body })
  return Review.parse(answer.body).status.allowed
}

async function whoAmI(user: string): Promise<{ readonly username: string; readonly groups: readonly string[] }> {
  const body = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' }
  const answer = await plane.request('POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', { as: user, body })
  return WhoAmI.parse(answer.body).status.userInfo
}

describe('users', () => {
  test.each<readonly [user: string, can: 'may' | 'may not', verb: string, resource: string, namespace: string]>([
    ['admin', 'may', 'delete', 'namespaces', ''],
    ['alice', 'may not', 'list', 'pods', 'default'],
    ['bob', 'may not', 'create', 'policyexceptions.bylaw.dev', 'default'],
    ['dev', 'may', 'create', 'deployments.apps', 'default'],
    ['dev', 'may not', 'create', 'policies.bylaw.dev', ''],
    ['author', 'may', 'create', 'policies.bylaw.dev', ''],
    ['author', 'may not', 'except', 'policies.bylaw.dev', ''],
    ['approver', 'may', 'except', 'policies.bylaw.dev', ''],
    ['approver', 'may not', 'update', 'policies.bylaw.dev', ''],
    ['viewer', 'may', 'list', 'secrets', 'kube-system'],
    ['viewer', 'may not', 'create', 'pods', 'default'],
    ['requester', 'may', 'create', 'policyexceptions.bylaw.dev', 'default'],
    ['requester', 'may not', 'except', 'policies.bylaw.dev', ''],
    ['tenant', 'may', 'except', 'policies.bylaw.dev', 'tenant'],
    ['tenant', 'may not', 'except', 'policies.bylaw.dev', ''],
    ['tenant', 'may not', 'create', 'pods', 'default'],
    ['operator', 'may not', 'list', 'policies.bylaw.dev', ''],
    ['carol', 'may', 'list', 'events', 'default'],
  ])('%s %s %s %s in `%s`', async (user, can, verb, resource, namespace) => {
    expect(await may(user, verb, resource, namespace)).toBe(can === 'may')
  })

  test('have their groups', async () => {
    expect(await whoAmI('dev')).toMatchObject({ username: 'dev', groups: ['developers', 'system:authenticated'] })
    expect(await whoAmI('carol')).toMatchObject({ username: 'carol', groups: ['auditors', 'system:authenticated'] })
  })

  test('without a token are impersonated', async () => {
    expect(await whoAmI(REPLICASET_CONTROLLER)).toMatchObject({
      username: REPLICASET_CONTROLLER,
      groups: ['system:serviceaccounts', 'system:serviceaccounts:kube-system', 'system:authenticated'],
    })
    expect(await plane.kubectl(['auth', 'whoami', '-o', 'jsonpath={.status.userInfo.username}'], { as: REPLICASET_CONTROLLER })).toEqual({
      code: 0,
      stdout: REPLICASET_CONTROLLER,
      stderr: '',
    })
  })

  test('have a kubeconfig with their own token only', async () => {
    const kubeconfig = plane.kubeconfigFor('alice')
    expect(await plane.kubectl(['auth', 'whoami', '-o', 'jsonpath={.status.userInfo.username}'], { kubeconfig })).toMatchObject({ code: 0, stdout: 'alice' })
    expect(readFileSync(kubeconfig, 'utf8').match(/"token"/g)).toHaveLength(1)
    expect(() => plane.kubeconfigFor('nobody')).toThrow('`nobody` is not a user of this control plane: admin, alice,')
  })

  test('each have a context in the kubeconfig of admin', async () => {
    const { stdout } = await plane.kubectl(['--context', 'bob', 'auth', 'whoami', '-o', 'jsonpath={.status.userInfo.username}'], {
      kubeconfig: plane.adminKubeconfig,
    })
    expect(stdout).toBe('bob')
  })

  test('may be service accounts', async () => {
    await plane.kubectl(['create', 'serviceaccount', 'robot'])
    const { stdout: token } = await plane.kubectl(['create', 'token', 'robot'])
    const { stdout } = await plane.kubectl(['--token', token.trim(), 'auth', 'whoami', '-o', 'jsonpath={.status.userInfo.username}'], { as: 'alice' })
    expect(stdout).toBe('system:serviceaccount:default:robot')
  })
})

describe('requests', () => {
  test('by kubectl take input and give code, output and errors', async () => {
    expect(await plane.kubectl(['apply', '-f', '-'], { as: 'dev', input: JSON.stringify(pod('by-kubectl')) })).toEqual({
      code: 0,
      stdout: 'pod/by-kubectl created\n',
      stderr: '',
    })
    expect(await plane.kubectl(['get', 'pods'], { as: 'alice' })).toEqual({
      code: 1,
      stdout: '',
      stderr: 'Error from server (Forbidden): pods is forbidden: User "alice" cannot list resource "pods" in API group "" in the namespace "default"\n',
    })
  })

  test('by HTTPS give status, body and warnings', async () => {
    await plane.createNamespace('watched', { 'pod-security.kubernetes.io/warn': 'baseline' })
    const privileged = { ...pod('privileged'), spec: { hostNetwork: true, containers: [{ name: 'main', image: 'example' }] } }
    expect(await plane.request('POST', '/api/v1/namespaces/watched/pods', { as: 'dev', body: privileged })).toMatchObject({
      status: 201,
      body: { kind: 'Pod', metadata: { name: 'privileged' } },
      warnings: ['would violate PodSecurity "baseline:latest": host namespaces (hostNetwork=true)'],
    })
  })

  test('leave an event in the audit log', async () => {
    await plane.request('GET', '/api/v1/namespaces/default/pods?limit=7', { as: 'bob' })
    const event = await plane.waitForAuditEvent(({ requestURI }) => requestURI.endsWith('/pods?limit=7'))
    expect(event).toMatchObject({
      stage: 'ResponseComplete',
      verb: 'list',
      user: { username: 'bob', groups: ['system:authenticated'] },
      objectRef: { resource: 'pods', namespace: 'default' },
      responseStatus: { code: 403 },
      annotations: { 'authorization.k8s.io/decision': 'forbid' },
    })
    expect(plane.auditEvents().filter(({ auditID }) => auditID === event.auditID)).toHaveLength(1)
    await expect(plane.waitForAuditEvent(({ verb }) => verb === 'dance', 100)).rejects.toThrow('no such event in the audit log after 100 ms')
  })
})

describe('the API server', () => {
  test(
    'keeps port and data over a restart',
    async () => {
      await plane.request('POST', '/api/v1/namespaces/default/configmaps', { body: configMap('kept') })
      const pid = plane.pids()['kube-apiserver']
      await plane.restartApiServer()
      expect(plane.pids()['kube-apiserver']).not.toBe(pid)
      expect(await plane.request('GET', '/api/v1/namespaces/default/configmaps/kept', { as: 'dev' })).toMatchObject({ status: 200 })
    },
    START_MS,
  )

  test(
    'answers nobody while stopped',
    async () => {
      await plane.stopApiServer()
      expect(Object.keys(plane.pids())).toEqual(['etcd'])
      await expect(plane.request('GET', '/version')).rejects.toThrow('ECONNREFUSED')
      await plane.startApiServer()
      expect(await plane.request('GET', '/version')).toMatchObject({ status: 200 })
    },
    START_MS,
  )

  test('keeps everyone waiting while paused', async () => {
    plane.pauseApiServer()
    await expect(plane.request('GET', '/version', { timeoutMs: 300 })).rejects.toThrow('aborted')
    plane.resumeApiServer()
    expect(await plane.request('GET', '/version')).toMatchObject({ status: 200 })
  })

  test(
    'says why it does not start, and leaves nothing behind',
    async () => {
      const failure = startControlPlane({ apiServerFlags: ['--no-such-flag'] })
      await expect(failure).rejects.toThrow(/^kube-apiserver ended with code 1 before it was ready; the end of \S+:\n {4}.*unknown flag: --no-such-flag/s)
      const folder = await failure.catch((error: unknown) => /the end of (\S+)\/kube-apiserver.log/.exec(String(error))?.[1] ?? '')
      expect(typeof folder === 'string' && folder !== '' && !existsSync(folder)).toBe(true)
    },
    START_MS,
  )

  test(
    'takes another port where one is taken in the meantime',
    async () => {
      const squatter = createServer().listen(0, '127.0.0.1')
      await once(squatter, 'listening')
      const address = squatter.address()
      const taken = typeof address === 'object' ? (address?.port ?? 0) : 0
      const choices = [taken, await freePort(), taken, await freePort()]
      const other = await startControlPlane({ choosePort: async () => choices.shift() ?? 0 })
      expect(choices).toEqual([])
      await other.stop()
      squatter.close()
    },
    START_MS,
  )
})

test(
  'a controller manager makes Pods of a Deployment and lets namespaces go, where it is to be had',
  async () => {
    const { kubeControllerManager } = await findAssets()
    const managed = await startControlPlane({ controllerManager: true })
    expect(managed.hasControllerManager).toBe(kubeControllerManager !== undefined)
    if (managed.hasControllerManager) {
      await managed.createNamespace('short-lived')
      await managed.kubectl(['create', 'deployment', 'web', '--image=example', '--replicas=2', '-n', 'short-lived'], { as: 'requester' })
      const pods = await poll(
        async () => {
          const { items } = PodList.parse((await managed.request('GET', '/api/v1/namespaces/short-lived/pods')).body)
          return items.length === 2 ? items : undefined
        },
        20_000,
        () => 'there are no two pods',
      )
      expect(pods.every(({ metadata }) => metadata.name.startsWith('web-'))).toBe(true)
      await managed.waitForAuditEvent(
        ({ verb, objectRef, user }) => verb === 'create' && objectRef?.resource === 'pods' && user.username === REPLICASET_CONTROLLER,
      )
      await managed.kubectl(['delete', 'namespace', 'short-lived', '--timeout=20s'])
      expect(await managed.request('GET', '/api/v1/namespaces/short-lived')).toMatchObject({ status: 404 })
    } else {
      process.stdout.write('no controller manager: that it works was not tried\n')
    }
    await managed.stop()
  },
  START_MS,
)

describe('nothing is left behind', () => {
  const isRunning = (pid: number): boolean => {
    try {
      process.kill(pid, 0)
    } catch {
      return false
    }
    // A container's first process may not bury its adopted dead.
    return !(existsSync(`/proc/${pid}/stat`) && /^\d+ \(.*\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8')))
  }

  const Started = z.object({ dir: z.string(), pids: z.record(z.string(), z.number()) })

  /** Runs a script that starts a control plane, prints where it is, and then ends in its own way. */
  const remainsOf = async (ending: string, kill?: NodeJS.Signals): Promise<{ readonly pids: readonly number[]; readonly dir: string }> => {
    const script = `const { startControlPlane } = await import(${JSON.stringify(import.meta.resolve('./control-plane.ts'))})
      const plane = await startControlPlane({ controllerManager: ${kill === 'SIGKILL'} })
      console.log(JSON.stringify({ dir: plane.dir, pids: plane.pids() }))
      ${ending}`
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', script], {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const exit = once(child, 'exit')
    const [line] = await once(createInterface({ input: child.stdout }), 'line')
    const { dir, pids } = Started.parse(JSON.parse(String(line)))
    expect(Object.keys(pids).length).toBeGreaterThanOrEqual(2)
    if (kill !== undefined) {
      expect(Object.values(pids).every(isRunning) && existsSync(dir)).toBe(true)
      child.kill(kill)
    }
    await exit
    return { pids: Object.values(pids), dir }
  }

  test.each<readonly [string, string, NodeJS.Signals | undefined]>([
    ['was killed', 'await new Promise((resolve) => setTimeout(resolve, 60_000))', 'SIGKILL'],
    ['was interrupted', 'await new Promise((resolve) => setTimeout(resolve, 60_000))', 'SIGINT'],
    ['threw what nobody catches', "throw new Error('a bug')", undefined],
    ['just came to its end', '', undefined],
    ['stopped it, twice', 'await plane.stop(); await plane.stop()', undefined],
  ])(
    'when the process that started it %s',
    async (_name, ending, kill) => {
      const { pids, dir } = await remainsOf(ending, kill)
      await poll(
        () => (pids.some(isRunning) || existsSync(dir) ? undefined : true),
        5_000,
        () => `left: ${pids.filter(isRunning)} ${existsSync(dir) ? dir : ''}`,
      )
    },
    START_MS,
  )
})
