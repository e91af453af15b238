import { BUILT_IN_RESOURCES, isRecord, parseApiVersion } from '../api/index.ts'

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls)
  if (!isRecord(value)) return value
  return Object.fromEntries(Object.entries(value).flatMap(([key, inner]) => (inner === null ? [] : [[key, withoutNulls(inner)]])))
}

function isBuiltIn({ apiVersion, kind }: Readonly<Record<string, unknown>>): boolean {
  if (typeof apiVersion !== 'string') return false
  const { group } = parseApiVersion(apiVersion)
  // A custom resource has a domain in its group, always.
  return !group.includes('.') || BUILT_IN_RESOURCES.some((known) => known.group === group && known.kind === kind)
}

/** A manifest as the API server would read it: a null is a field left out, but for the custom resources that give it a meaning in what is their own. */
export function asDecoded(manifest: unknown): unknown {
  if (!isRecord(manifest)) return manifest
  if (isBuiltIn(manifest)) return withoutNulls(manifest)
  return 'metadata' in manifest ? { ...manifest, metadata: withoutNulls(manifest['metadata']) } : manifest
}
