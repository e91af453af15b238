import { readFileSync } from 'node:fs'
import { parse } from 'yaml'
import { z } from 'zod'

const Annotations = z.strictObject({ summary: z.string(), description: z.string(), runbook: z.string() })
const Alert = z.strictObject({
  alert: z.string(),
  expr: z.string(),
  for: z.string().optional(),
  labels: z.strictObject({ severity: z.enum(['critical', 'warning', 'info']) }),
  annotations: Annotations,
})
const Record = z.strictObject({ record: z.string(), expr: z.string() })
const Rules = z.strictObject({ groups: z.array(z.strictObject({ name: z.string(), rules: z.array(z.union([Alert, Record])) })) })

export type Alert = z.infer<typeof Alert>

export const RULES_FILE = 'manifests/monitoring/rules.yaml'

const all = Rules.parse(parse(readFileSync(RULES_FILE, 'utf8'))).groups.flatMap(({ rules }) => rules)

/** The alerts that are shipped. */
export const ALERTS: readonly Alert[] = all.flatMap((rule) => ('alert' in rule ? rule : []))

/** Every expression that is shipped, by the name of its rule. */
export const EXPRESSIONS: readonly { readonly name: string; readonly expr: string }[] = all.map((rule) => ({
  name: 'alert' in rule ? rule.alert : rule.record,
  expr: rule.expr,
}))

/** Names of the metrics that an expression reads. */
export const metricsIn = (expr: string): readonly string[] => [...new Set(expr.replace(/"[^"]*"/g, '').match(/\b(?:bylaw|apiserver)_[a-z0-9_]+/g) ?? [])]
