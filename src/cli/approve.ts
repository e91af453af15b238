import { describeFieldIssue, isRecord, type KubernetesObject, objectName, parsePolicyException } from '../api/index.ts'
import { ANNOTATIONS, specDigestOf } from '../rules/index.ts'
import { type CommandResult, EXIT } from './check.ts'

/** What approving needs of a cluster: reading exceptions and patching them, nothing else. */
export interface ExceptionClient {
  find(namespace: string, name: string): Promise<KubernetesObject | undefined>
  /** Those of one namespace, or of all. */
  list(namespace: string | undefined): Promise<readonly KubernetesObject[]>
  /** A merge patch, of the object as it was read only; throws with the API server's words where it is refused, and tells its warnings. */
  patch(object: KubernetesObject, patch: unknown, isDryRun: boolean, onWarning: (text: string) => void): Promise<KubernetesObject>
}

export interface ApproveOptions {
  readonly names: readonly string[]
  readonly namespace: string | undefined
  /** All that are pending, instead of names. */
  readonly all: boolean
  readonly isDryRun: boolean
}

const phaseOf = ({ status }: KubernetesObject): unknown => (isRecord(status) ? status['phase'] : undefined)

function describe(object: KubernetesObject): string {
  const parsed = parsePolicyException(object)
  if (!parsed.ok) return parsed.error.map(describeFieldIssue).join('; ')
  const { policies, reason, expiresAt, owner } = parsed.value.spec
  return `${policies.map(({ name, rules }) => `${name} (${rules.join(', ')})`).join(', ')} until ${expiresAt}, for ${owner.team}: ${reason}`
}

async function approveOne(
  client: ExceptionClient,
  object: KubernetesObject,
  isDryRun: boolean,
): Promise<{ readonly isApproved: boolean; readonly text: string }> {
  const name = objectName(object)
  const parsed = parsePolicyException(object)
  if (!parsed.ok) return { isApproved: false, text: `${name}: ${parsed.error.map(describeFieldIssue).join('; ')}` }
  const digest = specDigestOf(parsed.value)
  const { resourceVersion } = object.metadata
  // An annotation that stands already would count as absent: it is a new act that approves.
  const isRepeated = object.metadata.annotations?.[ANNOTATIONS.approve] === digest
  const warnings: string[] = []
  const warn = (text: string): void => {
    warnings.push(text)
  }
  try {
    const read = isRepeated
      ? await client.patch(object, { metadata: { resourceVersion, annotations: { [ANNOTATIONS.approve]: null } } }, isDryRun, () => undefined)
      : object
    const patch = { metadata: { resourceVersion: isDryRun ? resourceVersion : read.metadata.resourceVersion, annotations: { [ANNOTATIONS.approve]: digest } } }
    const written = isDryRun && isRepeated ? object : await client.patch(read, patch, isDryRun, warn)
    const isStamped = written.metadata.annotations?.[ANNOTATIONS.approval] !== undefined
    if (!isStamped) return { isApproved: false, text: `${name}: written, but not stamped: is Bylaw running?` }
    return { isApproved: true, text: `${name}: ${isDryRun ? 'would be approved' : 'approved'}: ${[describe(object), ...warnings].join('\n  ')}` }
  } catch (error) {
    return { isApproved: false, text: `${name}: ${error instanceof Error ? error.message : String(error)}` }
  }
}

/** Approves exceptions as they stand now; exit code 1 where any of them was not approved. */
export async function approve(client: ExceptionClient, { names, namespace, all, isDryRun }: ApproveOptions): Promise<CommandResult> {
  const usage = (message: string): CommandResult => ({ exitCode: EXIT.usage, stdout: '', stderr: `error: ${message}\n` })
  if (all === names.length > 0) return usage('give names of exceptions, or --all')
  if (!all && namespace === undefined) return usage('-n: the namespace of the exceptions is required')
  const found: KubernetesObject[] = []
  const missing: string[] = []
  if (all) found.push(...(await client.list(namespace)).filter((object) => phaseOf(object) === 'Pending'))
  for (const name of names) {
    const object = await client.find(namespace ?? '', name)
    if (object === undefined) missing.push(`${namespace ?? ''}/${name}: there is no such exception`)
    else found.push(object)
  }
  const results = []
  for (const object of found) results.push(await approveOne(client, object, isDryRun))
  const approved = results.filter(({ isApproved }) => isApproved).map(({ text }) => text)
  const failed = [...missing, ...results.filter(({ isApproved }) => !isApproved).map(({ text }) => text)]
  const nothing = found.length === 0 && missing.length === 0 ? ['no exception is pending'] : []
  return {
    exitCode: failed.length > 0 ? 1 : 0,
    stdout: [...nothing, ...approved].map((text) => `${text}\n`).join(''),
    stderr: failed.map((text) => `error: ${text}\n`).join(''),
  }
}
