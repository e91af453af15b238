import { isRecord } from '../api/index.ts'
import { type AuthorizationQuestion, authorizerBindings, type Bindings, type CelValue } from '../cel/index.ts'

type Line = Readonly<Record<string, CelValue | undefined>>

const OPTIONS: Readonly<Record<string, string>> = { CREATE: 'CreateOptions', UPDATE: 'UpdateOptions', DELETE: 'DeleteOptions' }
/** Fields of an object's metadata that `namespaceObject` has. */
const NAMESPACE_METADATA = [
  ...['name', 'generateName', 'namespace', 'uid', 'resourceVersion', 'generation', 'creationTimestamp', 'deletionTimestamp'],
  ...['deletionGracePeriodSeconds', 'labels', 'annotations', 'finalizers'],
]

const recordOf = (value: CelValue | undefined): Line => (isLine(value) ? value : {})

function isLine(value: CelValue | undefined): value is Line {
  return isRecord(value) && Object.getPrototypeOf(value) === Object.prototype
}

/** Leaves out what is empty, as Kubernetes does with most fields. */
function filled(fields: Readonly<Record<string, CelValue | undefined>>): Readonly<Record<string, CelValue>> {
  const isEmpty = (value: CelValue): boolean =>
    value === '' || (Array.isArray(value) && value.length === 0) || (isLine(value) && Object.keys(value).length === 0)
  return Object.fromEntries(Object.entries(fields).flatMap(([name, value]) => (value === undefined || value === null || isEmpty(value) ? [] : [[name, value]])))
}

/** Reads what a policy is asked about: the variables as an API server would bind them. The text says what is wrong. */
export function readSubject(line: Line): Bindings | string {
  for (const name of ['request', 'object', 'oldObject', 'namespaceObject', 'params']) {
    const value = line[name] ?? null
    if (value !== null && !isLine(value)) return `unreadable line: ${name} is no object`
  }
  const request = recordOf(line['request'])
  return {
    ...authorizerOf(request, line['allow'] ?? null),
    object: line['object'] ?? null,
    oldObject: line['oldObject'] ?? null,
    params: line['params'] ?? null,
    namespaceObject: namespaceOf(line['namespaceObject'] ?? null),
    request: requestOf(request),
  }
}

function requestOf(request: Line): CelValue {
  const kind = { group: '', version: '', kind: '', ...recordOf(request['kind']) }
  const resource = { group: '', version: '', resource: '', ...recordOf(request['resource']) }
  const operation = request['operation'] ?? ''
  const optionsKind = typeof operation === 'string' ? OPTIONS[operation] : undefined
  const { subResource, name, namespace } = request
  const { username, uid, groups, extra } = recordOf(request['userInfo'])
  return {
    kind,
    resource,
    requestKind: kind,
    requestResource: resource,
    ...filled({ subResource, requestSubResource: subResource, name, namespace }),
    operation,
    userInfo: filled({ username, uid, groups, extra }),
    dryRun: request['dryRun'] === true,
    options: optionsKind === undefined ? null : { kind: optionsKind, apiVersion: 'meta.k8s.io/v1', ...recordOf(request['options']) },
  }
}

function namespaceOf(namespace: CelValue): CelValue {
  if (!isLine(namespace)) return null
  const metadata = recordOf(namespace['metadata'])
  const { finalizers } = recordOf(namespace['spec'])
  const { phase, conditions } = recordOf(namespace['status'])
  return {
    metadata: filled(Object.fromEntries(NAMESPACE_METADATA.map((name) => [name, metadata[name]]))),
    spec: filled({ finalizers }),
    status: filled({ phase, conditions }),
  }
}

const QUESTION_FIELDS = ['user', 'verb', 'group', 'resource', 'subResource', 'namespace', 'name', 'path'] as const

/** An authorizer that allows what the line's `allow` lists, and denies all else; a field left out stands for anything. */
function authorizerOf(request: Line, allow: CelValue): Bindings {
  const allowed = (Array.isArray(allow) ? allow : []).map(recordOf)
  const fits = (entry: Line, question: AuthorizationQuestion): boolean =>
    QUESTION_FIELDS.every((field) => {
      const wanted = entry[field] ?? entry[`${field.charAt(0).toUpperCase()}${field.slice(1)}`]
      return wanted === undefined || wanted === null || wanted === (question[field] ?? '')
    })
  const textOf = (value: CelValue | undefined): string => (typeof value === 'string' ? value : '')
  const { group, resource } = recordOf(request['resource'])
  return authorizerBindings(
    (question) =>
      allowed.some((entry) => fits(entry, question))
        ? { isAllowed: true, reason: "allowed by the oracle's input" }
        : { isAllowed: false, reason: "denied by the oracle's input" },
    textOf(recordOf(request['userInfo'])['username']),
    {
      group: textOf(group),
      resource: textOf(resource),
      subResource: textOf(request['subResource']),
      namespace: textOf(request['namespace']),
      name: textOf(request['name']),
    },
  )
}
