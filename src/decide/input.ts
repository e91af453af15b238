import type { AdmissionRequest, KubernetesObject, ParamKind, ParamRef } from '../api/index.ts'
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

/** Everything that a decision may depend on besides the rule set, gathered before the first rule runs. */
export interface EvaluationInput {
  readonly request: AdmissionRequest
  /** How the object was asked for; `offline` doors have it as it stands in a file or in storage. */
  readonly lane: Lane | 'offline'
  readonly namespace: NamespaceState
  readonly params: ParamReader
  /** Where there is none, corrections of custom resources by `ApplyConfiguration` are limited to their metadata. */
  readonly schemas?: SchemaReader | undefined
  readonly now: Date
  /** Key of the digests that stand for values which may not be shown. */
  readonly digestKey: string
  /** Where there is one, evaluation stops with an error at `atMs` on the given clock. */
  readonly deadline?: { readonly now: () => number; readonly atMs: number }
}
