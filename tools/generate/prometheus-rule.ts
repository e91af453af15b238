import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'

const RULES = resolve(import.meta.dirname, '../../manifests/monitoring/rules.yaml')

/** The rules as the Prometheus Operator takes them: the same text, deeper by one level. */
export function toPrometheusRule(): string {
  const rules = readFileSync(RULES, 'utf8')
  const groups = rules.slice(rules.indexOf('groups:'))
  return [
    '# Generated from rules.yaml by `make generate`.',
    'apiVersion: monitoring.coreos.com/v1',
    'kind: PrometheusRule',
    'metadata:',
    '  name: bylaw',
    '  namespace: bylaw-system',
    'spec:',
    groups.replace(/^(?=.)/gm, '  '),
  ].join('\n')
}
