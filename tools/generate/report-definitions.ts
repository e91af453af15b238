import { stringify } from 'yaml'
import { REPORT_DEFINITIONS } from '../../src/evidence/index.ts'

/** The files of the definitions that reports need, by name. */
export const reportDefinitionFiles = (): readonly (readonly [string, string])[] =>
  REPORT_DEFINITIONS.map((definition) => [
    `${definition.metadata.name ?? ''}.yaml`,
    `# Written by \`npm run generate\` from src/evidence/reports.\n${stringify(definition, { lineWidth: 140, aliasDuplicateObjects: false })}`,
  ])
