import { defaultEnforcementProfile, isKubernetesObject, isRecord, type KubernetesObject, parseJson, parsePolicy } from '../../src/api/index.ts'
import { judgeObject, planScan } from '../../src/controllers/index.ts'
import { assembleRuleSet, compilePolicy } from '../../src/rules/index.ts'
import { BAD_POD, GOOD_POD, podPolicies } from './policies.ts'

const PODS = { group: '', versions: ['v1'], resource: 'pods', kind: 'Pod', isNamespaced: true }

/** The given number of policies that judge every Pod: the sixteen of the admission bench, again and again under other names. */
export function manyPodPolicies(count: number): unknown[] {
  const base = podPolicies().filter(isRecord)
  return Array.from({ length: count }, (_, index) => {
    const policy = base[index % base.length] ?? {}
    const metadata = isRecord(policy['metadata']) ? policy['metadata'] : {}
    return { ...policy, metadata: { ...metadata, name: `${String(metadata['name'])}-${Math.floor(index / base.length)}` } }
  })
}

function podOf(index: number, isBad: boolean): KubernetesObject {
  const text = JSON.stringify({
    ...(isBad ? BAD_POD : GOOD_POD),
    metadata: { ...GOOD_POD.metadata, name: `pod-${index}`, namespace: `ns-${index % 20}`, uid: `00000000-0000-0000-0000-${String(index).padStart(12, '0')}` },
  })
  const parsed = parseJson(text)
  if (!parsed.ok || !isKubernetesObject(parsed.value)) throw new Error('not a Pod')
  return parsed.value
}

/** Pairs of object and policy that one core judges in a second, where the given share of objects violates something. */
export function judgedPairsPerSecond(policies: number, badShare: number, seconds = 4): number {
  const compiled = manyPodPolicies(policies).map((policy) => {
    const parsed = parsePolicy(policy)
    if (!parsed.ok) throw new Error(JSON.stringify(parsed.error))
    return compilePolicy(parsed.value)
  })
  const ruleSet = assembleRuleSet({ policies: compiled, profile: defaultEnforcementProfile() })
  const [target] = planScan(ruleSet, [PODS]).targets.values()
  if (target === undefined) throw new Error('nothing to judge')
  const every = badShare === 0 ? Number.POSITIVE_INFINITY : Math.round(1 / badShare)
  const pods = Array.from({ length: 2000 }, (_, index) => podOf(index, index % every === every - 1))
  const byName = new Map(ruleSet.policies.map((policy) => [policy.identity.name, policy]))
  const namespace = { kind: 'found', object: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'ns-1', labels: {} } } } as const
  const context = {
    policyOf: (name: string) => byName.get(name),
    params: () => ({ kind: 'missing' }) as const,
    contexts: () => ({ kind: 'unknown', reason: '' }) as const,
    now: new Date(),
    digestKey: 'bench',
  }
  const run = (untilMs: number): number => {
    let judged = 0
    for (let index = 0; performance.now() < untilMs; index++) {
      const pod = pods[index % pods.length]
      if (pod !== undefined) judgeObject(target, pod, namespace, context)
      judged += policies
    }
    return judged
  }
  run(performance.now() + 500 * seconds)
  // Time on the processor: others may be at work on it too.
  const before = process.threadCpuUsage()
  const judged = run(performance.now() + 1000 * seconds)
  const { user, system } = process.threadCpuUsage(before)
  return (judged * 1e6) / (user + system)
}
