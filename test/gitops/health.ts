import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { parseYamlDocuments } from '../../src/api/index.ts'

const MANIFESTS = join(import.meta.dirname, '../../manifests/gitops')

const ConfigMap = z.object({ data: z.record(z.string(), z.string()) })
const Expressions = z.object({ inProgress: z.string().optional(), failed: z.string().optional(), current: z.string() })
const Kustomization = z.object({
  kind: z.literal('Kustomization'),
  spec: z.object({ healthCheckExprs: z.array(Expressions.extend({ apiVersion: z.string(), kind: z.string() })).optional() }),
})

/** The health check expressions of one kind, as Flux takes them. */
export type HealthExpressions = z.infer<typeof Expressions>

/** The documents of a file of manifests/gitops. */
export function documentsOf(file: string): readonly unknown[] {
  const parsed = parseYamlDocuments(readFileSync(join(MANIFESTS, file), 'utf8'))
  if (!parsed.ok) throw new Error(`${file}: ${parsed.error}`)
  return parsed.value
}

/** What is put into Argo CD's own ConfigMap. */
export const argoSettings = (): Readonly<Record<string, string>> => ConfigMap.parse(documentsOf('argocd/argocd-cm.yaml')[0]).data

/** The health script of a kind for Argo CD. */
export function scriptOf(kind: string, group = 'bylaw.dev'): string {
  const script = argoSettings()[`resource.customizations.health.${group}_${kind}`]
  if (script === undefined) throw new Error(`there is no script for ${kind}`)
  return script
}

/** The health check expressions of a kind for Flux. */
export function expressionsOf(kind: string): HealthExpressions {
  const found = documentsOf('flux/kustomizations.yaml')
    .flatMap((document) => Kustomization.safeParse(document).data?.spec.healthCheckExprs ?? [])
    .filter((entry) => entry.kind === kind && entry.apiVersion === 'bylaw.dev/v1')
  const [only] = found
  if (only === undefined || found.length > 1) throw new Error(`there are ${found.length} health checks for ${kind}`)
  return Expressions.parse(only)
}
