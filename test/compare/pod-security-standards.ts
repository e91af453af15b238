import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type AdmissionRequest, defaultEnforcementProfile, type Policy, parseAdmissionReview, parsePolicy, parseYamlDocuments } from '../../src/api/index.ts'
import { decide, type RuleOutcome } from '../../src/decide/index.ts'
import { assembleRuleSet, compilePolicy } from '../../src/rules/index.ts'

/** The folder of the policy library. */
export const LIBRARY = join(import.meta.dirname, '../../config/policies')

export type Level = 'baseline' | 'restricted'
export const LEVELS: readonly Level[] = ['baseline', 'restricted']

const isManifest = (file: string): boolean => file.endsWith('.yaml') && file !== 'kustomization.yaml'

/** The policies of the library. */
export function readLibrary(): readonly Policy[] {
  return readdirSync(LIBRARY)
    .filter(isManifest)
    .flatMap((file) => {
      const documents = parseYamlDocuments(readFileSync(join(LIBRARY, file), 'utf8'))
      if (!documents.ok) throw new Error(`${file}: ${documents.error}`)
      return documents.value.map((document) => {
        const policy = parsePolicy(document)
        if (!policy.ok) throw new Error(`${file}: ${JSON.stringify(policy.error)}`)
        return policy.value
      })
    })
}

export const levelOf = ({ metadata }: Policy): Level => (metadata.labels?.['bylaw.dev/pod-security'] === 'baseline' ? 'baseline' : 'restricted')

/** For each reason that Pod Security Admission gives, by level, the rules of ours that stand for it. */
const RULES: Readonly<Record<Level, Readonly<Record<string, readonly string[]>>>> = {
  baseline: {
    'forbidden AppArmor profile': ['restrict-kernel-settings/app-armor', 'restrict-kernel-settings/app-armor-annotations'],
    'non-default capabilities': ['restrict-capabilities/added-capabilities'],
    'host namespaces': ['host-network', 'host-pid', 'host-ipc'].map((rule) => `no-host-namespaces-or-ports/${rule}`),
    'hostPath volumes': ['no-host-path-volumes/host-path'],
    hostPort: ['no-host-namespaces-or-ports/host-ports'],
    'probe or lifecycle host': ['no-host-namespaces-or-ports/probe-hosts', 'no-host-namespaces-or-ports/lifecycle-hosts'],
    privileged: ['no-privileged-containers/privileged'],
    procMount: ['restrict-kernel-settings/proc-mount'],
    seLinuxOptions: ['restrict-kernel-settings/se-linux-type', 'restrict-kernel-settings/se-linux-user-and-role'],
    seccompProfile: ['restrict-kernel-settings/seccomp'],
    'forbidden sysctls': ['restrict-kernel-settings/sysctls'],
    hostProcess: ['no-privileged-containers/windows-host-process'],
  },
  restricted: {
    'allowPrivilegeEscalation != false': ['no-privilege-escalation/allow-privilege-escalation'],
    'unrestricted capabilities': ['drop-all-capabilities/drop-all', 'drop-all-capabilities/add-none'],
    procMount: ['require-seccomp-profile/proc-mount'],
    'restricted volume types': ['restrict-volume-types/volume-types'],
    'runAsNonRoot != true': ['no-root-containers/run-as-non-root'],
    'runAsUser=0': ['no-root-containers/run-as-user'],
    seccompProfile: ['require-seccomp-profile/seccomp'],
  },
}

/** Checks of the baseline that a stricter one takes the place of. */
const OVERRIDDEN: readonly string[] = ['non-default capabilities', 'hostPath volumes', 'procMount', 'seccompProfile']

/** All rules that the library must have, and no others. */
export const KNOWN_RULES: readonly string[] = LEVELS.flatMap((level) => Object.values(RULES[level]).flat()).sort()

/** The reasons of a refusal by Pod Security Admission, sorted; undefined where the message is of something else. */
export function reasonsOf(message: string): readonly string[] | undefined {
  const told = /violates PodSecurity "[a-z]+:latest": (.*)$/s.exec(message)?.[1]
  return told
    ?.split('), ')
    .map((part) => part.split(' (')[0]?.replace(/profiles$/, 'profile') ?? '')
    .sort()
}

/** The reasons that Pod Security Admission would give for rules of ours that failed. */
export function toReasons(level: Level, failed: readonly string[]): readonly string[] {
  const reasonsIn = (own: Level): string[] =>
    Object.entries(RULES[own]).flatMap(([reason, rules]) => (rules.some((rule) => failed.includes(rule)) ? [reason] : []))
  const baseline = reasonsIn('baseline')
  return (level === 'baseline' ? baseline : [...baseline.filter((reason) => !OVERRIDDEN.includes(reason)), ...reasonsIn('restricted')]).sort()
}

/** Judges Pods by the policies of the library, as `decide` does at every door. */
export class Library {
  readonly policies = readLibrary()
  readonly compiled = this.policies.map((policy) => compilePolicy(policy))
  readonly #ruleSet = assembleRuleSet({ policies: this.compiled, profile: defaultEnforcementProfile() })

  /** The rules that the level is made of and that fail, as `policy/rule`; what could not be evaluated is named with its error. */
  failedRules(level: Level, request: AdmissionRequest): readonly string[] {
    const { outcomes } = decide(this.#ruleSet, {
      request,
      lane: 'equivalent',
      namespace: { kind: 'found', object: { apiVersion: 'v1', kind: 'Namespace', metadata: { name: request.namespace } } },
      params: () => ({ kind: 'missing' }),
      now: new Date(0),
      digestKey: 'test',
    })
    const names = new Set(this.policies.filter((policy) => level === 'restricted' || levelOf(policy) === 'baseline').map(({ metadata }) => metadata.name))
    return outcomes.flatMap((outcome) => (names.has(outcome.rule.policy.name) ? describe(outcome) : [])).sort()
  }
}

function describe(outcome: RuleOutcome): string[] {
  const name = `${outcome.rule.policy.name}/${outcome.rule.name}`
  if (outcome.result === 'error') return [`${name}: ${outcome.message}`]
  return outcome.result === 'fail' ? [name] : []
}

/** The admission request that the API server would make of a Pod. */
export function toPodRequest(operation: 'CREATE' | 'UPDATE', object: unknown, oldObject: unknown, subResource = ''): AdmissionRequest {
  const review = parseAdmissionReview({
    apiVersion: 'admission.k8s.io/v1',
    kind: 'AdmissionReview',
    request: {
      uid: 'test',
      kind: { group: '', version: 'v1', kind: 'Pod' },
      resource: { group: '', version: 'v1', resource: 'pods' },
      ...(subResource === '' ? {} : { subResource }),
      name: 'generated',
      namespace: 'pods',
      operation,
      userInfo: { username: 'admin' },
      object,
      oldObject,
      dryRun: true,
    },
  })
  if (!review.ok) throw new Error(review.error)
  return review.value
}
