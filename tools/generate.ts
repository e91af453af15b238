import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { generatedFiles } from './generate/files.ts'

const root = resolve(import.meta.dirname, '..')
for (const [path, content] of generatedFiles()) {
  const file = resolve(root, path)
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, content)
}
