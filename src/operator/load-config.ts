import { readFileSync } from 'node:fs'
import { type Config, describeFieldIssue, parseConfig } from '../api/index.ts'
import type { OperatorFlags } from '../cli/index.ts'

/** A mistake of whoever started the program: told in plain words, exit code 2. */
export class UsageError extends Error {}

/** The configuration in force: the file, and what the flags say over it. Throws UsageError with every mistake of the file. */
export function loadConfig({ config: file, admissionPort, admissionUrl, evidenceDir }: OperatorFlags): Config {
  let source = ''
  try {
    if (file !== undefined) source = readFileSync(file, 'utf8')
  } catch (error) {
    throw new UsageError(`--config: ${file ?? ''} could not be read: ${error instanceof Error ? error.message : String(error)}`)
  }
  const parsed = parseConfig(source)
  if (!parsed.ok) throw new UsageError(parsed.error.map((issue) => `${file ?? 'configuration'}: ${describeFieldIssue(issue)}`).join('\n'))
  const { admission, evidence } = parsed.value
  const url = admissionUrl ?? admission.url
  if (url !== undefined && !/^https:\/\/[^/?#]+\/?$/.test(url)) throw new UsageError(`--admission-url: \`${url}\` is not an address such as https://host:9443`)
  return {
    ...parsed.value,
    admission: { ...admission, port: admissionPort ?? admission.port, ...(url === undefined ? {} : { url: url.replace(/\/$/, '') }) },
    evidence: evidenceDir === undefined ? evidence : { ...evidence, dir: evidenceDir },
  }
}
