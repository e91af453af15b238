import type { AdmissionRequest, ContextDeclaration, KubernetesObject, ParamKind, ParamRef } from '../api/index.ts'
import type { KindSchema, Lane, NamespaceState } from '../rules/index.ts'

/** What is known of a policy's parameter, or of its parameters. */
export type ParamState =
  | { readonly kind: 'found'; readonly object: KubernetesObject }
  /** Those that a selector matches, one at least, by namespace and name. */
  | { readonly kind: 'several'; readonly objects: readonly KubernetesObject[] }
  | { readonly kind: 'missing' }
  | { readonly kind: 'unknown'; readonly reason: string }

/** Reads a parameter from what was gathered; `requestNamespace` counts where the reference names none. */
export type ParamReader = (paramKind: ParamKind, paramRef: ParamRef, requestNamespace: string) => ParamState

/** The schema of a kind as the cluster publishes it; undefined where it has not been read. */
export type SchemaReader = (apiVersion: string, kind: string) => KindSchema | undefined
/** What is known of other objects that a policy reads: all that it means, or nothing. */
export type ContextState =
  /** By namespace and name; `resourceVersion` is that of the cache, empty where there is none. */
  | { readonly kind: 'found'; readonly objects: readonly KubernetesObject[]; readonly resourceVersion: string }
  | { readonly kind: 'unknown'; readonly reason: string }

/** Reads context from what was gathered, at once; `requestNamespace` is empty for a cluster-scoped request. A decision asks only for what its rules read. */
export type ContextReader = (declaration: ContextDeclaration, requestNamespace: string) => ContextState

/** Everything that a decision may depend on besides the rule set, gathered before the first rule runs. */
export interface EvaluationInput {
  readonly request: AdmissionRequest
  /** How the object was asked for; `offline` doors have it as it stands in a file or in storage. */
  readonly lane: Lane | 'offline'
  readonly namespace: NamespaceState
  readonly params: ParamReader
  /** Where there is none, corrections of custom resources by `ApplyConfiguration` are limited to their metadata. */
  readonly schemas?: SchemaReader | undefined
  /** Where a door has none, rules that read context cannot be evaluated. */
  readonly contexts?: ContextReader
  readonly now: Date
  /** Key of the digests that stand for values which may not be shown. */
  readonly digestKey: string
  /** Where there is one, evaluation stops with an error at `atMs` on the given clock. */
  readonly deadline?: { readonly now: () => number; readonly atMs: number }
}
