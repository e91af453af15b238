import { parseAllDocuments } from 'yaml'
import { err, ok, type Result } from './result.ts'

/** Whole numbers keep all their digits: bigint beyond 2^53, as `parseJson` has them. */
const shorten = (_key: unknown, value: unknown): unknown => {
  if (typeof value !== 'bigint') return value
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}

/** Reads all documents of a YAML or JSON text; empty ones are left out. The error tells line and mistake. Aliases are limited, so that a small text cannot become a huge one. */
export function parseYamlDocuments(source: string): Result<readonly unknown[], string> {
  const documents: unknown[] = []
  for (const document of parseAllDocuments(source, { prettyErrors: true, uniqueKeys: true, intAsBigInt: true })) {
    if (!('errors' in document)) continue
    const [mistake] = document.errors
    if (mistake !== undefined) {
      const { line, col } = mistake.linePos?.[0] ?? { line: 0, col: 0 }
      // The library reports a stack that ran out as it reports any other mistake.
      const message = /call stack/.test(mistake.message) ? 'nested too deeply' : (mistake.message.split('\n')[0] ?? 'not valid YAML')
      return err(`line ${line}, column ${col}: ${message}`)
    }
    try {
      const value: unknown = document.toJS({ maxAliasCount: 100, reviver: shorten })
      if (value !== null && value !== undefined) documents.push(value)
    } catch (error) {
      return err(error instanceof Error ? error.message : 'not valid YAML')
    }
  }
  return ok(documents)
}
