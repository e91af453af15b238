import {
  BUILT_IN_RESOURCES,
  defaultEnforcementProfile,
  describeFieldIssue,
  type EnforcementProfile,
  err,
  type FieldIssue,
  guessResource,
  isKubernetesObject,
  isRecord,
  type KubernetesObject,
  ok,
  type Policy,
  type PolicyException,
  parseApiVersion,
  parseEnforcementProfile,
  parsePolicy,
  parsePolicyException,
  type ResourceType,
  type Result,
} from '../api/index.ts'
import { type ContextReader, type ParamReader, selectContext, selectParams } from '../decide/index.ts'
import { type KindSchema, kindsOfDefinition, type NamespaceState } from '../rules/index.ts'
import { asDecoded } from './as-decoded.ts'
import type { SourceDocument } from './files.ts'

/** An exception as it was parsed and as it stands in its file. */
export interface SourceException {
  readonly exception: PolicyException
  readonly object: KubernetesObject
}

/** Everything that offline doors read: policies, the profile, and the objects around them. */
export interface Workspace {
  readonly policies: readonly Policy[]
  readonly profile: EnforcementProfile
  readonly exceptions: readonly SourceException[]
  readonly params: ParamReader
  readonly contexts: ContextReader
  /** A namespace as the files have it; one that they do not have has no labels but its name. */
  readonly namespaceOf: (name: string) => NamespaceState
  /** The kinds that definitions in the files have schemas of. */
  readonly definitions: readonly KindSchema[]
  readonly resourceOf: (object: KubernetesObject) => ResourceType
}

const OWN_GROUP = 'bylaw.dev'
const NAME_LABEL = 'kubernetes.io/metadata.name'

const isOwn = ({ apiVersion }: KubernetesObject): boolean => parseApiVersion(apiVersion).group === OWN_GROUP

/** Where kubectl puts what does not say where it belongs. */
export const DEFAULT_NAMESPACE = 'default'

/** The object in a namespace. */
export const inNamespace = (object: KubernetesObject, namespace: string): KubernetesObject => ({ ...object, metadata: { ...object.metadata, namespace } })

interface Own {
  readonly policies: Policy[]
  profile: EnforcementProfile | undefined
  readonly exceptions: SourceException[]
  readonly mistakes: string[]
}

function readOwn(own: Own, { file, value }: SourceDocument): void {
  if (!isKubernetesObject(value) || !isOwn(value)) return
  const report = (issues: readonly FieldIssue[]): void => {
    for (const issue of issues) own.mistakes.push(`${file}: ${value.kind} ${value.metadata.name ?? ''}: ${describeFieldIssue(issue)}`)
  }
  switch (value.kind) {
    case 'Policy': {
      const parsed = parsePolicy(value)
      if (!parsed.ok) report(parsed.error)
      else if (own.policies.some(({ metadata }) => metadata.name === parsed.value.metadata.name))
        own.mistakes.push(`${file}: Policy ${parsed.value.metadata.name} stands more than once`)
      else own.policies.push(parsed.value)
      return
    }
    case 'EnforcementProfile': {
      const parsed = parseEnforcementProfile(value)
      if (!parsed.ok) report(parsed.error)
      else if (own.profile !== undefined) own.mistakes.push(`${file}: EnforcementProfile ${parsed.value.metadata.name} stands more than once`)
      else own.profile = parsed.value
      return
    }
    case 'PolicyException': {
      const parsed = parsePolicyException(value)
      if (!parsed.ok) report(parsed.error)
      else own.exceptions.push({ exception: parsed.value, object: value })
      return
    }
    default:
      own.mistakes.push(`${file}: kind: \`${value.kind}\` is not a kind of ${OWN_GROUP}`)
  }
}

function definedKinds(documents: readonly KubernetesObject[]): KindSchema[] {
  return documents.filter(({ kind }) => kind === 'CustomResourceDefinition').flatMap(kindsOfDefinition)
}

function customResources(documents: readonly KubernetesObject[]): ResourceType[] {
  return documents.flatMap((object): ResourceType[] => {
    const { spec } = object
    if (object.kind !== 'CustomResourceDefinition' || !isRecord(spec) || !isRecord(spec['names'])) return []
    const { group, names, scope, versions } = spec
    const served = (Array.isArray(versions) ? versions : []).flatMap((version: unknown) =>
      isRecord(version) && typeof version['name'] === 'string' ? version['name'] : [],
    )
    return [{ group: String(group), versions: served, kind: String(names['kind']), resource: String(names['plural']), isNamespaced: scope === 'Namespaced' }]
  })
}

/** What a workspace is opened with besides its documents. */
export interface WorkspaceOptions {
  /** Overrides the label of every namespace. */
  readonly environment: string | undefined
  /** All objects that policies find as their context; undefined where nobody told what there is. */
  readonly context: readonly SourceDocument[] | undefined
}

const NOT_GIVEN = 'nothing was given; name the files that have them by --context-resources'

/** Sorts documents into a workspace; the error lists every mistake with its file. */
export function openWorkspace(documents: readonly SourceDocument[], { environment, context }: WorkspaceOptions): Result<Workspace, readonly string[]> {
  const own: Own = { policies: [], profile: undefined, exceptions: [], mistakes: [] }
  for (const document of documents) readOwn(own, document)
  if (own.mistakes.length > 0) return err(own.mistakes)
  const profile = own.profile ?? defaultEnforcementProfile()
  const { namespaceLabel, environments } = profile.spec
  if (environment !== undefined && !environments.some(({ name }) => name === environment)) {
    return err([`--environment: the profile has no environment \`${environment}\`, only ${environments.map(({ name }) => `\`${name}\``).join(', ')}`])
  }
  const objects = documents.map(({ value }) => asDecoded(value)).filter(isKubernetesObject)
  const namespaces = new Map(
    objects.filter(({ apiVersion, kind }) => apiVersion === 'v1' && kind === 'Namespace').map((object) => [object.metadata.name ?? '', object]),
  )
  const known = [...BUILT_IN_RESOURCES, ...customResources(objects)]
  const resourceOf = ({ apiVersion, kind }: KubernetesObject): ResourceType => {
    const { group, version } = parseApiVersion(apiVersion)
    const found = known.find((type) => type.group === group && type.kind === kind)
    return found ?? { group, versions: [version], kind, resource: guessResource(kind), isNamespaced: true }
  }
  const strange = (context ?? []).filter(({ value }) => !isKubernetesObject(asDecoded(value)))
  if (strange.length > 0) return err(strange.map(({ file }) => `--context-resources: ${file}: not a Kubernetes object: expected apiVersion, kind and metadata`))
  const around = context?.map(({ value }) => asDecoded(value)).filter(isKubernetesObject)
  const placed = around?.map((object) => (resourceOf(object).isNamespaced ? inNamespace(object, object.metadata.namespace ?? DEFAULT_NAMESPACE) : object))
  // Cluster-scoped objects belong to the default environment, so an override has to move that too.
  const scoped = environment === undefined ? profile : { ...profile, spec: { ...profile.spec, defaultEnvironment: environment } }
  return ok({
    policies: own.policies,
    profile: scoped,
    exceptions: own.exceptions,
    params: (paramKind, paramRef, requestNamespace) => {
      const { name, namespace } = paramRef
      if (name === undefined) {
        const ofKind = objects.filter(({ apiVersion, kind }) => apiVersion === paramKind.apiVersion && kind === paramKind.kind)
        const isNamespaced = ofKind.some(({ metadata }) => metadata.namespace !== undefined)
        return selectParams(ofKind, paramRef, isNamespaced ? (namespace ?? requestNamespace) : undefined)
      }
      const found = objects.find(
        ({ apiVersion, kind, metadata }) =>
          apiVersion === paramKind.apiVersion &&
          kind === paramKind.kind &&
          metadata.name === name &&
          (metadata.namespace ?? '') === (namespace ?? (metadata.namespace === undefined ? '' : requestNamespace)),
      )
      return found === undefined ? { kind: 'missing' } : { kind: 'found', object: found }
    },
    namespaceOf: (name) => {
      const object = namespaces.get(name) ?? { apiVersion: 'v1', kind: 'Namespace', metadata: { name } }
      const own = { [NAME_LABEL]: name, ...object.metadata.labels }
      const labels = environment === undefined ? own : { ...own, [namespaceLabel]: environment }
      return { kind: 'found', object: { ...object, metadata: { ...object.metadata, labels } } }
    },
    definitions: definedKinds(objects),
    contexts: (declaration, requestNamespace) => {
      if (placed === undefined) return { kind: 'unknown', reason: NOT_GIVEN }
      const { isNamespaced } = resourceOf({ ...declaration, metadata: {} })
      return selectContext({ objects: placed, isNamespaced }, declaration, requestNamespace)
    },
    resourceOf,
  })
}
