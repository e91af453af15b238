import { Authorizer, Decision, GroupCheck, PathCheck, ResourceCheck, type ResourceQuestion } from './authorizer.ts'
import type { CostBudget } from './cost.ts'
import { fail, noOverload } from './failure.ts'
import { costlyMember, type LibraryEntry, member } from './library-entry.ts'
import type { CelValue } from './values.ts'

/** Kubernetes reckons with a call over the network. */
const CHECK_COST = 350_000
const LABEL = /^[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?$/
const SUBDOMAIN = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)*$/
const LONGEST_NAME = 253

function serviceAccount(authorizer: CelValue, namespace: CelValue, name: CelValue): CelValue {
  if (!(authorizer instanceof Authorizer) || typeof namespace !== 'string' || typeof name !== 'string') return noOverload('serviceAccount', authorizer)
  if (!LABEL.test(namespace)) return fail('InvalidArgument', 'Invalid service account namespace')
  if (name.length > LONGEST_NAME || !SUBDOMAIN.test(name)) return fail('InvalidArgument', 'Invalid service account name')
  return new Authorizer(authorizer.$authorize, `system:serviceaccount:${namespace}:${name}`)
}

function path(authorizer: CelValue, text: CelValue): CelValue {
  if (!(authorizer instanceof Authorizer) || typeof text !== 'string') return noOverload('path', authorizer)
  return text.trim() === '' ? fail('InvalidArgument', 'path must not be empty') : new PathCheck(authorizer, text)
}

function check(budget: CostBudget, asked: CelValue, verb: CelValue): CelValue {
  budget.charge(CHECK_COST)
  if (typeof verb !== 'string') return noOverload('check', asked)
  if (asked instanceof PathCheck) {
    const { $authorizer, $path } = asked
    return new Decision($authorizer.$authorize({ user: $authorizer.$user, verb, path: $path }))
  }
  if (!(asked instanceof ResourceCheck)) return noOverload('check', asked)
  const { $authorizer, $question } = asked
  return new Decision($authorizer.$authorize({ ...$question, user: $authorizer.$user, verb }))
}

/** A step that makes the question about a resource more exact. */
function narrowing(name: string, field: keyof ResourceQuestion): LibraryEntry {
  return member(name, 2, (_budget, asked, text) => {
    if (!(asked instanceof ResourceCheck) || typeof text !== 'string') return noOverload(name, asked)
    return new ResourceCheck(asked.$authorizer, { ...asked.$question, [field]: text })
  })
}

/** Selectors are priced by the requirements that they may have; who answers here does not look at them. */
function selector(name: string): LibraryEntry {
  return costlyMember(name, 2, (budget, asked, text) => {
    if (!(asked instanceof ResourceCheck) || typeof text !== 'string') return noOverload(name, asked)
    budget.charge(10 + 50 * Math.ceil(text.length / 2) + Math.ceil(text.length / 10))
    return asked
  })
}

function answered(name: string, read: (decision: Decision) => CelValue): LibraryEntry {
  return member(name, 1, (_budget, decision) => (decision instanceof Decision ? read(decision) : noOverload(name, decision)))
}

/** Kubernetes' authorizer library; the answers are handed in from outside. */
export const authorizers: readonly LibraryEntry[] = [
  member('serviceAccount', 3, (_budget, authorizer, namespace, name) => serviceAccount(authorizer, namespace, name)),
  member('path', 2, (_budget, authorizer, text) => path(authorizer, text)),
  member('group', 2, (_budget, authorizer, group) =>
    authorizer instanceof Authorizer && typeof group === 'string' ? new GroupCheck(authorizer, group) : noOverload('group', authorizer),
  ),
  member('resource', 2, (_budget, asked, resource) =>
    asked instanceof GroupCheck && typeof resource === 'string'
      ? new ResourceCheck(asked.$authorizer, { group: asked.$group, resource })
      : noOverload('resource', asked),
  ),
  narrowing('subresource', 'subResource'),
  narrowing('namespace', 'namespace'),
  narrowing('name', 'name'),
  selector('fieldSelector'),
  selector('labelSelector'),
  costlyMember('check', 2, check),
  answered('allowed', ({ $answer }) => $answer.isAllowed),
  answered('reason', ({ $answer }) => $answer.reason),
  answered('errored', ({ $answer }) => $answer.error !== undefined),
  answered('error', ({ $answer }) => $answer.error ?? ''),
]
