import { crdFileName, toCrdFile } from './crd.ts'
import { DEFINITIONS } from './definitions.ts'
import { toDialectPage } from './dialect.ts'
import { toPrometheusRule } from './prometheus-rule.ts'
import { referenceFileName, toReference } from './reference.ts'
import { reportDefinitionFiles } from './report-definitions.ts'

/** Every generated file: its path in the repository and what is in it. */
export function generatedFiles(): ReadonlyMap<string, string> {
  const ofDefinitions = DEFINITIONS.flatMap((definition): [string, string][] => [
    [`crds/${crdFileName(definition)}`, toCrdFile(definition)],
    [`config/reference/${referenceFileName(definition)}`, toReference(definition)],
  ])
  const ofReports = reportDefinitionFiles().map(([name, content]): [string, string] => [`manifests/reports/${name}`, content])
  return new Map([
    ...ofDefinitions,
    ...ofReports,
    ['config/reference/cel.md', toDialectPage()],
    ['manifests/monitoring/prometheus-rule.yaml', toPrometheusRule()],
  ])
}
