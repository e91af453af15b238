import type { ExportedDecision, ExportedOutcome, PolicyDescription } from './exported-record.ts'

const SCHEMA = 'https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json'
const LEVELS: Readonly<Record<string, string>> = { deny: 'error', warn: 'warning', allow: 'note' }
const MAX_SENTENCES = 20

const ruleIdOf = (policy: string, rule: string): string => `${policy}/${rule}`

/** Writes a SARIF 2.1.0 log piece by piece: a result for each violation that was recorded, rehearsals aside. */
export class SarifWriter {
  readonly #version: string
  readonly #rules = new Map<
    string,
    { readonly index: number; readonly description: PolicyDescription | undefined; readonly policy: string; readonly rule: string }
  >()
  #hasResults = false

  constructor(version: string) {
    this.#version = version
  }

  begin(): string {
    return `{"$schema":${JSON.stringify(SCHEMA)},"version":"2.1.0","runs":[{"columnKind":"unicodeCodePoints","results":[`
  }

  add(decision: ExportedDecision): string {
    if (decision.isDryRun) return ''
    const results = decision.policies.flatMap(({ policy, level, outcomes }) =>
      outcomes.flatMap((outcome) => (outcome.result === 'fail' || outcome.result === 'error' ? this.#result(decision, policy, level, outcome) : [])),
    )
    const text = results.map((result) => JSON.stringify(result)).join(',\n')
    if (text === '') return ''
    const separator = this.#hasResults ? ',\n' : '\n'
    this.#hasResults = true
    return `${separator}${text}`
  }

  end(): string {
    const rules = [...this.#rules].map(([id, { description, policy, rule }]) => ({
      id,
      name: rule,
      shortDescription: { text: description?.title || policy },
      properties: {
        severity: description?.severity ?? '',
        owner: description?.owner ?? '',
        tags: (description?.controls ?? []).map(({ framework, id: control }) => `${framework} ${control}`),
      },
    }))
    const driver = { name: 'Bylaw', version: this.#version, rules }
    return `\n],"tool":${JSON.stringify({ driver })}}]}\n`
  }

  #indexOf(decision: ExportedDecision, policy: string, rule: string): number {
    const id = ruleIdOf(policy, rule)
    const known = this.#rules.get(id)
    if (known !== undefined) return known.index
    const index = this.#rules.size
    this.#rules.set(id, { index, description: decision.descriptions.get(policy), policy, rule })
    return index
  }

  #result(decision: ExportedDecision, policy: string, level: string, outcome: ExportedOutcome): Readonly<Record<string, unknown>> {
    const { id, time, file, seq, namespace, name, kind, group, version, operation, user, environment } = decision
    const { rule, effect, message, findings, waivedBy, result } = outcome
    const sentences = findings.slice(0, MAX_SENTENCES).map(({ sentence }) => sentence)
    const object = [namespace, kind, name].filter((part) => part !== '').join('/')
    return {
      ruleId: ruleIdOf(policy, rule),
      ruleIndex: this.#indexOf(decision, policy, rule),
      level: LEVELS[effect] ?? 'warning',
      message: { text: [message || 'the rule is not met', ...sentences].join('\n') },
      locations: [
        {
          physicalLocation: { artifactLocation: { uri: encodeURI(file) }, region: { startLine: 1 } },
          logicalLocations: [{ fullyQualifiedName: object, kind: 'object' }],
        },
      ],
      ...(waivedBy === '' ? {} : { suppressions: [{ kind: 'external', justification: `exception ${waivedBy}` }] }),
      properties: { decision: id, time, seq, result, effect, level, operation, user, environment, apiVersion: group === '' ? version : `${group}/${version}` },
    }
  }
}
