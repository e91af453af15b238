import { parseAllDocuments } from 'yaml'
import { err, ok, type Result } from './result.ts'

/** Reads all documents of a YAML or JSON text; empty ones are left out. The error tells line and mistake. Aliases are limited, so that a small text cannot become a huge one. */
export function parseYamlDocuments(source: string): Result<readonly unknown[], string> {
  const documents: unknown[] = []
  for (const document of parseAllDocuments(source, { prettyErrors: true, uniqueKeys: true, intAsBigInt: false })) {
    if (!('errors' in document)) continue
    const [mistake] = document.errors
    if (mistake !== undefined) {
      const { line, col } = mistake.linePos?.[0] ?? { line: 0, col: 0 }
      return err(`line ${line}, column ${col}: ${mistake.message.split('\n')[0] ?? 'not valid YAML'}`)
    }
    try {
      const value: unknown = document.toJS({ maxAliasCount: 100 })
      if (value !== null && value !== undefined) documents.push(value)
    } catch (error) {
      return err(error instanceof Error ? error.message : 'not valid YAML')
    }
  }
  return ok(documents)
}
