import { readFileSync, writeFileSync } from 'node:fs'
import { networkInterfaces } from 'node:os'
import { join } from 'node:path'
import type { AuditEvent } from '../controlplane/audit-log.ts'
import type { Cluster } from '../controlplane/cluster.ts'
import type { ControlPlaneOptions } from '../controlplane/control-plane.ts'
import { freePort } from '../controlplane/ports.ts'
import { at, listAt } from '../e2e/scene.ts'
import type { OperatorOptions } from '../support/operator.ts'

/** The account that the operator runs under. */
export const ACCOUNT = 'system:serviceaccount:bylaw-system:bylaw-operator'

/** With the controllers of a cluster, and with an API server that reaches a Service through its endpoints, as there is no Pod network. */
export const LIKE_A_CLUSTER: ControlPlaneOptions = { controllerManager: true, apiServerFlags: ['--enable-aggregator-routing'] }

const SECTION = /^## (.+)\n([\s\S]*?)(?=^## |\n*$(?![\s\S]))/gm

/** The kubectl commands of a section of the README, in order, each without `kubectl` itself. */
export function readmeCommands(title: string): readonly (readonly string[])[] {
  const sections = [...readFileSync('README.md', 'utf8').matchAll(SECTION)]
  const text = sections.find(([, heading]) => heading === title)?.[2] ?? ''
  return [...text.matchAll(/^kubectl ([^#\n]+)/gm)].map(([, command = '']) => command.trim().split(/\s+/))
}

/** Runs what a section of the README says; throws where a command does not succeed. */
export async function followReadme(cluster: Cluster, title: string): Promise<void> {
  const commands = readmeCommands(title)
  if (commands.length === 0) throw new Error(`the README has no commands under \`${title}\``)
  for (const command of commands) {
    const { code, stderr } = await cluster.kubectl(command)
    if (code !== 0) throw new Error(`kubectl ${command.join(' ')}: ${stderr}`)
  }
}

/** A new token of the operator's account. */
export async function accountToken(cluster: Cluster, ...flags: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await cluster.kubectl(['create', 'token', 'bylaw-operator', '-n', 'bylaw-system', ...flags])
  if (code !== 0) throw new Error(stderr)
  return stdout.trim()
}

/** A kubeconfig with the operator's account and nothing else, its token in a file of its own, as a Pod has it. */
export async function accountKubeconfig(cluster: Cluster): Promise<{ readonly kubeconfig: string; readonly tokenFile: string }> {
  const tokenFile = join(cluster.dir, 'operator.token')
  const kubeconfig = join(cluster.dir, 'operator-account.kubeconfig')
  writeFileSync(tokenFile, await accountToken(cluster), { mode: 0o600 })
  writeFileSync(
    kubeconfig,
    JSON.stringify({
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'own', cluster: { server: cluster.url, 'certificate-authority': cluster.caFile } }],
      users: [{ name: 'own', user: { tokenFile: 'operator.token' } }],
      contexts: [{ name: 'own', context: { cluster: 'own', user: 'own' } }],
      'current-context': 'own',
    }),
  )
  return { kubeconfig, tokenFile }
}

/** The address under which the API server may reach an endpoint: loopback addresses are not allowed in endpoints. */
function ownAddress(): string | undefined {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? [])
  return addresses.find(({ family, internal }) => family === 'IPv4' && !internal)?.address
}

/** Makes a port of this machine an endpoint of the shipped Service, as a ready Pod would be. */
async function makeEndpoint(cluster: Cluster, address: string, port: number): Promise<void> {
  const { status, body } = await cluster.request('POST', '/apis/discovery.k8s.io/v1/namespaces/bylaw-system/endpointslices', {
    body: {
      apiVersion: 'discovery.k8s.io/v1',
      kind: 'EndpointSlice',
      metadata: { name: 'bylaw-outside', namespace: 'bylaw-system', labels: { 'kubernetes.io/service-name': 'bylaw' } },
      addressType: 'IPv4',
      endpoints: [{ addresses: [address], conditions: { ready: true } }],
      ports: [{ name: 'admission', port, protocol: 'TCP' }],
    },
  })
  if (status !== 201) throw new Error(JSON.stringify(body))
}

/** Installs Bylaw as the README says; gives what an operator is started with that runs under its own account behind its own Service. */
export async function install(cluster: Cluster): Promise<OperatorOptions> {
  await followReadme(cluster, 'Installing')
  const { kubeconfig } = await accountKubeconfig(cluster)
  const admissionPort = await freePort()
  const address = ownAddress()
  // Without a network there is no address that an endpoint may have: the door is then reached by its URL.
  if (address !== undefined) await makeEndpoint(cluster, address, admissionPort)
  // In a Pod the folder is a volume.
  const flags = ['--evidence-dir', join(cluster.dir, 'evidence')]
  return { kubeconfig, admissionPort, config: 'manifests/install/bylaw.yaml', flags, ...(address === undefined ? {} : { admissionUrl: 'Service' }) }
}

const line = (verb: string, group: string, resource: string, name = ''): string =>
  `${verb} ${resource}${group === '' ? '' : `.${group}`}${name === '' ? '' : ` ${name}`}`

/** The rules of a role, one line for each verb, resource and name. */
export function linesOf(role: unknown): readonly string[] {
  const texts = (rule: unknown, key: string): readonly string[] => listAt(rule, key).map(String)
  return listAt(role, 'rules').flatMap((rule) =>
    texts(rule, 'apiGroups').flatMap((group) =>
      texts(rule, 'resources').flatMap((resource) =>
        texts(rule, 'verbs').flatMap((verb) => {
          const names = texts(rule, 'resourceNames')
          return (names.length === 0 ? [''] : names).map((name) => line(verb, group, resource, name))
        }),
      ),
    ),
  )
}

/** What an audited request needed, written as in `linesOf`; with the name of the object where a rule may ask for it. */
export function lineOf({ verb, objectRef = {} }: AuditEvent, isNamed: boolean): string {
  const { apiGroup = '', resource = '', subresource, name = '' } = objectRef
  return line(verb, apiGroup, subresource === undefined ? resource : `${resource}/${subresource}`, isNamed ? name : '')
}

/** A role of the cluster as it is stored. */
export async function readRole(cluster: Cluster, name: string, namespace?: string): Promise<unknown> {
  const path = namespace === undefined ? `clusterroles/${name}` : `namespaces/${namespace}/roles/${name}`
  const { status, body } = await cluster.request('GET', `/apis/rbac.authorization.k8s.io/v1/${path}`)
  if (status !== 200) throw new Error(`${path}: ${String(at(body, 'message'))}`)
  return body
}
