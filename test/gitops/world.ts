import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Json } from '../api/resources.ts'
import { type ControlPlane, startControlPlane } from '../controlplane/control-plane.ts'
import { at, pathOf } from '../e2e/scene.ts'
import { type Operator, startOperator } from '../support/operator.ts'
import { type ApplicationState, ARGO_NAMESPACE, ArgoCd } from './argo-cd.ts'
import { GitRepository } from './git-repository.ts'
import { documentsOf } from './health.ts'
import { findArgo } from './parts.ts'

/** A time limit for hooks: Argo CD may have to be built. */
export const WORLD_MS = 1_200_000
/** A time limit for one wait: the machine may be busy, and Argo CD looks every five seconds. */
export const SYNC_MS = 120_000
/** A time limit for a test of some waits. */
export const STORY_MS = 600_000

const ROOT = join(import.meta.dirname, '../..')
const IN_MANIFESTS = { repository: 'https://git.example/platform/policies.git', destination: 'https://kubernetes.default.svc' }
/** Applications of apps/, in their waves. */
export const APPS = ['bylaw-crds', 'bylaw-operator', 'bylaw-profile', 'bylaw-policies', 'bylaw-exceptions'] as const

const yamlOf = (object: Json): string => `${JSON.stringify(object)}\n`

/** The files of some folder of the project, under another path. */
function filesOf(folder: string, path: string): Record<string, string> {
  const names = readdirSync(join(ROOT, folder), { withFileTypes: true }).filter((entry) => entry.isFile())
  return Object.fromEntries(names.map(({ name }) => [`${path}/${name}`, readFileSync(join(ROOT, folder, name), 'utf8')]))
}

/** Objects by the path of their file in the repository, and `undefined` for what goes. */
export type Change = Readonly<Record<string, Json | undefined>>

/** A control plane with Argo CD and a Git repository that has Bylaw in it, laid out as manifests/gitops/README.md says, and an operator beside. */
export class World {
  readonly plane: ControlPlane
  readonly argo: ArgoCd
  readonly git: GitRepository
  #bylaw: Operator | undefined
  #port: number | undefined

  private constructor(plane: ControlPlane, argo: ArgoCd, git: GitRepository) {
    this.plane = plane
    this.argo = argo
    this.git = git
  }

  /** Starts all of it but the operator; `change` is in the first commit. */
  static async start(change: Change): Promise<World> {
    const parts = await findArgo()
    const plane = await startControlPlane({ controllerManager: true })
    try {
      if (!plane.hasControllerManager) throw new Error('the control plane has no controller manager: set BYLAW_CONTROL_PLANE_SOURCE=build')
      const folder = join(plane.dir, 'git')
      mkdirSync(folder)
      const git = await GitRepository.create(folder)
      const world = new World(plane, await ArgoCd.start(plane, parts), git)
      await world.#firstCommit(change)
      return world
    } catch (error) {
      await plane.stop()
      throw error
    }
  }

  async #firstCommit(change: Change): Promise<void> {
    const apps = Object.entries(filesOf('manifests/gitops/argocd/apps', 'apps')).map(([path, text]) => [path, this.#ofHere(text)])
    const operator = filesOf('manifests/gitops/operator', 'bylaw/operator')
    const path = 'bylaw/operator/kustomization.yaml'
    // No Pods run here: an operator beside the cluster does their work.
    const patched = `${operator[path]}  - target: { kind: Deployment }\n    patch: '[{ "op": "replace", "path": "/spec/replicas", "value": 0 }]'\n`
    await this.git.commit('install Bylaw', {
      ...Object.fromEntries(apps),
      ...filesOf('crds', 'bylaw/crds'),
      ...filesOf('manifests/install', 'install'),
      ...operator,
      [path]: patched,
      'profile/profile.yaml': readFileSync(join(ROOT, 'config/samples/enforcement-profile.yaml'), 'utf8'),
    })
    await this.commit('write the first policies', change)
  }

  #ofHere(text: string): string {
    return text.replaceAll(IN_MANIFESTS.repository, this.git.url).replaceAll(IN_MANIFESTS.destination, this.argo.destination)
  }

  /** Commits objects. */
  commit(subject: string, change: Change): Promise<string> {
    return this.git.commit(subject, Object.fromEntries(Object.entries(change).map(([path, object]) => [path, object && yamlOf(object)])))
  }

  /** Applies the project and the Application of manifests/gitops/argocd/application.yaml. */
  async install(): Promise<void> {
    const text = documentsOf('argocd/application.yaml').map((document) => this.#ofHere(JSON.stringify(document)))
    await this.#apply(text.join('\n---\n'))
  }

  /** Installs everything, waits until it is healthy, and gives a team its Application. */
  async begin(team: string): Promise<void> {
    await this.install()
    await this.untilDefined()
    await this.startBylaw()
    for (const app of APPS) await this.argo.untilHealthy(app, SYNC_MS)
    await this.addTeam(team)
  }

  /** Applies an Application of a team, in its own folder and namespace. */
  async addTeam(name: string): Promise<void> {
    await this.plane.createNamespace(name)
    await this.#apply(
      yamlOf({
        apiVersion: 'argoproj.io/v1alpha1',
        kind: 'Application',
        metadata: { name, namespace: ARGO_NAMESPACE },
        spec: {
          project: 'default',
          source: { repoURL: this.git.url, targetRevision: 'main', path: `teams/${name}` },
          destination: { server: this.argo.destination, namespace: name },
          syncPolicy: {
            automated: { prune: true, selfHeal: true },
            retry: { limit: 5, refresh: true, backoff: { duration: '2s', factor: 1, maxDuration: '5s' } },
          },
        },
      }),
    )
  }

  async #apply(text: string): Promise<void> {
    const { code, stderr } = await this.plane.kubectl(['apply', '-f', '-'], { input: text })
    if (code !== 0) throw new Error(stderr)
  }

  /** Starts the operator with the configuration of manifests/gitops/operator, on the port of the one before. */
  async startBylaw(): Promise<void> {
    const options = { config: join(ROOT, 'manifests/gitops/operator/bylaw.yaml'), readyMs: SYNC_MS }
    this.#bylaw = await startOperator(this.plane, { ...options, ...(this.#port === undefined ? {} : { admissionPort: this.#port }) })
    this.#port = this.#bylaw.admissionPort
  }

  /** Ends it as a crash would. */
  async killBylaw(): Promise<void> {
    await this.#bylaw?.kill()
    this.#bylaw = undefined
  }

  /** Waits until the definitions are there, as they are by the first wave. */
  async untilDefined(): Promise<void> {
    for (const until = Date.now() + SYNC_MS; ; await sleep(200)) {
      const { status } = await this.plane.request('GET', '/apis/bylaw.dev/v1/policies')
      const exceptions = await this.plane.request('GET', '/apis/bylaw.dev/v1/policyexceptions')
      const profiles = await this.plane.request('GET', '/apis/bylaw.dev/v1/enforcementprofiles')
      if (status === 200 && exceptions.status === 200 && profiles.status === 200) return
      if (Date.now() > until) throw new Error(`Argo CD made no definitions: ${JSON.stringify(await this.argo.state('bylaw-crds'))}`)
    }
  }

  /** Commits, and waits until an Application is synced at that and as healthy as wanted. */
  async sync(app: string, subject: string, change: Change, health = 'Healthy'): Promise<ApplicationState> {
    return this.argo.untilSynced(app, await this.commit(subject, change), health, SYNC_MS)
  }

  /** The object as it is stored, `undefined` where there is none. */
  async read(object: Json): Promise<unknown> {
    const { status, body } = await this.plane.request('GET', pathOf(object))
    return status === 404 ? undefined : body
  }

  /** A change by hand, past Git. */
  async patch(object: Json, patch: Json, subResource = ''): Promise<void> {
    const { status, body } = await this.plane.request('PATCH', `${pathOf(object)}${subResource}`, { body: patch, contentType: 'application/merge-patch+json' })
    if (status >= 300) throw new Error(`${pathOf(object)}: ${status} ${String(at(body, 'message'))}`)
  }

  /** Annotates an Application. */
  async annotate(name: string, annotations: Json): Promise<void> {
    await this.patch({ apiVersion: 'argoproj.io/v1alpha1', kind: 'Application', metadata: { name, namespace: ARGO_NAMESPACE } }, { metadata: { annotations } })
  }

  async stop(): Promise<void> {
    await this.killBylaw()
    await this.argo.stop()
    await this.plane.stop()
  }
}
