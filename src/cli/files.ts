import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { err, ok, parseYamlDocuments, type Result } from '../api/index.ts'

/** One document of a file. */
export interface SourceDocument {
  readonly file: string
  readonly value: unknown
}

const MANIFEST = /\.(?:ya?ml|json)$/

function filesUnder(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path]
  return readdirSync(path, { withFileTypes: true })
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap((entry) => {
      const inner = join(path, entry.name)
      return entry.isDirectory() ? filesUnder(inner) : MANIFEST.test(entry.name) ? [inner] : []
    })
}

/** A `List` stands for its items. */
function flatten(value: unknown): readonly unknown[] {
  const isList =
    typeof value === 'object' && value !== null && 'kind' in value && 'items' in value && String(value.kind).endsWith('List') && Array.isArray(value.items)
  return isList && Array.isArray(value.items) ? value.items.flatMap(flatten) : [value]
}

/** Reads all documents of files and folders, `-` being standard input; the error names the file. */
export function readDocuments(paths: readonly string[]): Result<readonly SourceDocument[], string> {
  const documents: SourceDocument[] = []
  for (const path of paths) {
    try {
      for (const file of path === '-' ? ['-'] : filesUnder(path)) {
        const parsed = parseYamlDocuments(readFileSync(file === '-' ? 0 : file, 'utf8'))
        if (!parsed.ok) return err(`${file}: ${parsed.error}`)
        documents.push(...parsed.value.flatMap(flatten).map((value) => ({ file, value })))
      }
    } catch (error) {
      return err(`${path}: ${typeof error === 'object' && error !== null && 'code' in error && error.code === 'ENOENT' ? 'no such file' : String(error)}`)
    }
  }
  return ok(documents)
}
