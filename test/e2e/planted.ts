import { randomBytes } from 'node:crypto'
import type { Json } from '../api/resources.ts'
import { at, isRecord, listAt } from './scene.ts'

/** A place in an object: names of fields and keys, and places in lists. */
export type Place = readonly (string | number)[]

/** An object with a random text in every field that holds one. */
export interface PlantedObject {
  readonly object: Json
  /** Where texts were planted that nobody may read. */
  readonly secret: readonly { readonly place: Place; readonly text: string }[]
}

/**
 * What may be read by design: names, references to names, images, and words that Kubernetes defines. A list of its own, so that a field that is
 * added to the one in the program is noticed here.
 */
const OPEN: ReadonlySet<string> = new Set(
  `name generateName namespace image serviceAccountName serviceAccount storageClassName ingressClassName priorityClassName runtimeClassName schedulerName
  nodeName claimName secretName configMapName resourceNames host hosts serviceName volumeName containerName hostname apiVersion kind type protocol operator
  effect imagePullPolicy restartPolicy dnsPolicy procMount volumeMode accessModes concurrencyPolicy externalTrafficPolicy internalTrafficPolicy
  sessionAffinity ipFamilies ipFamilyPolicy pathType policyTypes reclaimPolicy persistentVolumeReclaimPolicy volumeBindingMode whenUnsatisfiable
  topologyKey mountPropagation terminationMessagePolicy preemptionPolicy completionMode podManagementPolicy add drop verbs apiGroup apiGroups resources
  failurePolicy matchPolicy scope sideEffects conditionType podReplacementPolicy phase os uid`.split(/\s+/),
)

const MAX_DEPTH = 12

/** A text that stands nowhere else. */
export const canary = (): string => `canary${randomBytes(6).toString('hex')}`

/** Makes objects of the kinds of an OpenAPI v3 document. */
export class Planter {
  readonly #schemas: Json
  #secret: { place: Place; text: string }[] = []

  constructor(document: unknown) {
    const schemas = at(document, 'components', 'schemas')
    this.#schemas = isRecord(schemas) ? schemas : {}
  }

  plant(group: string, version: string, kind: string): PlantedObject {
    const isWanted = (of: unknown): boolean => at(of, 'group') === group && at(of, 'version') === version && at(of, 'kind') === kind
    const schema = Object.values(this.#schemas).find((candidate) => listAt(candidate, 'x-kubernetes-group-version-kind').some(isWanted))
    if (schema === undefined) throw new Error(`no schema of ${kind}`)
    this.#secret = []
    const made = this.#value(schema, [], new Set())
    if (!isRecord(made) || !isRecord(made['metadata'])) throw new Error(`no object of ${kind}`)
    const metadata = {
      ...made['metadata'],
      name: 'planted',
      namespace: 'planted',
      uid: 'u-1',
      deletionTimestamp: undefined,
      ownerReferences: undefined,
      managedFields: undefined,
    }
    const object = { ...made, apiVersion: group === '' ? version : `${group}/${version}`, kind, metadata }
    const isStill = ({ place }: { readonly place: Place }): boolean => !/^(?:ownerReferences|managedFields|deletionTimestamp)$/.test(String(place[1]))
    return { object, secret: this.#secret.filter(isStill) }
  }

  #value(schema: unknown, place: Place, open: ReadonlySet<string>): unknown {
    const [inherited] = listAt(schema, 'allOf')
    const reference = at(schema, '$ref') ?? at(inherited, '$ref')
    if (typeof reference === 'string') {
      const name = reference.replace('#/components/schemas/', '')
      // Schemas of schemas have no end.
      return open.has(name) || place.length > MAX_DEPTH ? undefined : this.#value(this.#schemas[name], place, new Set([...open, name]))
    }
    switch (at(schema, 'type')) {
      case 'object':
        return this.#object(schema, place, open)
      case 'array': {
        const item = this.#value(at(schema, 'items'), [...place, 0], open)
        return item === undefined ? undefined : [item]
      }
      case 'integer':
        return 7
      case 'number':
        return 0.5
      case 'boolean':
        return false
      default:
        // A quantity, a number or a text: at least a text fits.
        return this.#text(place)
    }
  }

  #object(schema: unknown, place: Place, open: ReadonlySet<string>): Json | undefined {
    const properties = at(schema, 'properties')
    if (isRecord(properties)) {
      const fields = Object.entries(properties).map(([key, property]): [string, unknown] => [key, this.#value(property, [...place, key], open)])
      return Object.fromEntries(fields.filter(([, value]) => value !== undefined))
    }
    const values = at(schema, 'additionalProperties')
    if (values === undefined) return undefined
    const value = this.#value(values, [...place, 'key'], open)
    return value === undefined ? undefined : { key: value }
  }

  #text(place: Place): string {
    const text = canary()
    const fields = place.filter((segment) => typeof segment === 'string')
    const isFree = fields.some((field) => /^(?:annotations|labels|data|matchLabels|stringData)$/.test(field))
    if (isFree || !OPEN.has(fields.at(-1) ?? '')) this.#secret.push({ place, text })
    return text
  }
}

/** A place as an expression reads it. */
export const expressionOf = (place: Place): string =>
  place.reduce<string>(
    (text, segment) =>
      typeof segment === 'number'
        ? `${text}[${segment}]`
        : /^[A-Za-z_]\w*$/.test(segment) && segment !== 'namespace'
          ? `${text}.${segment}`
          : `${text}[${JSON.stringify(segment)}]`,
    'object',
  )
