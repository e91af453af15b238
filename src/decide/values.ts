import { createHmac } from 'node:crypto'
import type { AdmissionRequest } from '../api/index.ts'

/** Fields whose strings are one of a few words that Kubernetes defines. */
const ENUMERATED: ReadonlySet<string> = new Set(
  `apiVersion kind type protocol operator effect imagePullPolicy restartPolicy dnsPolicy procMount volumeMode accessModes concurrencyPolicy
  externalTrafficPolicy internalTrafficPolicy sessionAffinity ipFamilies ipFamilyPolicy pathType policyTypes reclaimPolicy persistentVolumeReclaimPolicy
  volumeBindingMode whenUnsatisfiable topologyKey mountPropagation terminationMessagePolicy preemptionPolicy completionMode podManagementPolicy
  add drop verbs apiGroup apiGroups resources failurePolicy matchPolicy scope sideEffects conditionType podReplacementPolicy phase os`.split(/\s+/),
)

/** Fields whose strings are names or references to names. */
const NAMES: ReadonlySet<string> = new Set(
  `name generateName namespace image serviceAccountName serviceAccount storageClassName ingressClassName priorityClassName runtimeClassName
  schedulerName nodeName claimName secretName configMapName resourceNames host hosts serviceName volumeName containerName hostname`.split(/\s+/),
)

/** Maps whose strings are quantities. */
const QUANTITY_MAPS: ReadonlySet<string> = new Set(['limits', 'requests', 'capacity', 'allocatable', 'hard', 'overhead'])
const QUANTITY = /^[+-]?[0-9.]{1,24}(?:[eE][+-]?[0-9]{1,3}|[numkMGTPE]|[KMGTPE]i)?$/

const MAX_SHOWN_CHARACTERS = 120

/** Whether no value of the object may be shown at all: Secrets, tokens, and what is sent into containers. */
export function isSensitive({ resource, subResource }: AdmissionRequest): boolean {
  if (subResource === 'token' || subResource === 'exec' || subResource === 'attach' || subResource === 'portforward') return true
  return resource.group === '' && resource.resource === 'secrets'
}

/** What stands for a value that may not be shown: enough to tell two apart, not enough to guess one. */
export function digestOf(text: string, key: string): string {
  const digest = createHmac('sha256', key).update(text).digest('hex').slice(0, 6)
  return `a string of ${[...text].length} characters, digest ${digest}`
}

const quote = (text: string): string => JSON.stringify(text.length > MAX_SHOWN_CHARACTERS ? `${text.slice(0, MAX_SHOWN_CHARACTERS)}…` : text)

function mayShow(text: string, segments: readonly (string | number)[]): boolean {
  const fields = segments.filter((segment) => typeof segment === 'string')
  const last = fields.at(-1)
  if (last === undefined) return false
  // A label may be called `name` or `type`: what is under a map of free keys is not one of Kubernetes' own fields.
  if (fields.some((field) => field === 'annotations' || field === 'labels' || field === 'data' || field === 'matchLabels' || field === 'stringData'))
    return false
  if (QUANTITY_MAPS.has(fields.at(-2) ?? '')) return QUANTITY.test(text)
  // `env[].name` is a name, `env[].value` is not on any list.
  return ENUMERATED.has(last) || NAMES.has(last)
}

/** How values are shown in one decision. */
export interface ValueRules {
  readonly digestKey: string
  /** The policy's author vouches that these values may be read. */
  readonly showsAll: boolean
  readonly isSensitive: boolean
  /** All that the policy's author wrote: it is no secret where it turns up again. */
  readonly authored: () => string
}

const MAX_ITEMS = 5

/** A value as it may be told: numbers, booleans, enumerated strings, images, quantities and names; of any other string its length and a keyed digest. */
export function showValue(value: unknown, segments: readonly (string | number)[], rules: ValueRules): string {
  if (rules.isSensitive) return 'a value that is not shown'
  switch (typeof value) {
    case 'number':
    case 'boolean':
    case 'bigint':
      return String(value)
    case 'string':
      return rules.showsAll || mayShow(value, segments) ? quote(value) : digestOf(value, rules.digestKey)
    case 'object': {
      if (value === null) return 'null'
      if (!Array.isArray(value)) return `an object of ${Object.keys(value).length} fields`
      if (value.some((item) => typeof item === 'object' && item !== null)) return `a list of ${value.length}`
      const shown = value.slice(0, MAX_ITEMS).map((item) => showValue(item, segments, rules))
      return `[${shown.join(', ')}${value.length > MAX_ITEMS ? `, and ${value.length - MAX_ITEMS} more` : ''}]`
    }
    default:
      return `a ${typeof value}`
  }
}
