import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { err, isRecord, ok, parseJson, type Result } from '../api/index.ts'
import { type ResourceSchema, readOpenApi, type SchemaCatalogue, schemaCatalogue } from '../rules/index.ts'

/** Reads the OpenAPI v3 documents of a cluster, as `kubectl get --raw /openapi/v3/apis/apps/v1` prints them: files, or folders of `.json` files. */
export function readSchemas(paths: readonly string[]): Result<SchemaCatalogue, string> {
  const resources: ResourceSchema[] = []
  for (const path of paths) {
    try {
      for (const file of filesAt(path)) {
        const json = parseJson(readFileSync(file, 'utf8'))
        const read = json.ok ? readOpenApi(json.value) : json
        if (!read.ok) return err(`${file}: ${read.error}`)
        resources.push(...read.value)
      }
    } catch (error) {
      return err(`${path}: ${isRecord(error) && error['code'] === 'ENOENT' ? 'no such file' : String(error)}`)
    }
  }
  return ok(schemaCatalogue(resources))
}

function filesAt(path: string): readonly string[] {
  if (!statSync(path).isDirectory()) return [path]
  const names = readdirSync(path).filter((name) => name.endsWith('.json'))
  return names.toSorted().map((name) => join(path, name))
}
