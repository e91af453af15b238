import type { AdmissionRequest, AdmissionResponse } from '../api/index.ts'
import { BREAK_GLASS, readBreakGlass, sealBreakGlass, verifyBreakGlass } from '../rules/index.ts'
import { denial } from './answer.ts'
import { type ApprovalDependencies, patchTo } from './approval.ts'

type BreakGlassDependencies = Pick<ApprovalDependencies, 'mayAccess' | 'approvalKey' | 'now'>

// Without a name and without a namespace: the right to turn down all policies, which no namespace's own role can grant.
const QUESTION = { group: 'bylaw.dev', resource: 'policies', verb: 'break-glass', name: '' } as const

const hours = BREAK_GLASS.longestMs / 3_600_000

function timeMistakes(until: string | undefined, now: Date): readonly string[] {
  if (until === undefined) return []
  const leftMs = Date.parse(until) - now.getTime()
  if (leftMs <= 0) return [`data.until: \`${until}\` is over already`]
  return leftMs > BREAK_GLASS.longestMs ? [`data.until: \`${until}\` is more than ${hours} hours away`] : []
}

/** Answers the mutating call for the ConfigMap that turns all policies down: sealed for who may and says until when and why, refused for others. */
export async function stampBreakGlass(request: AdmissionRequest, { mayAccess, approvalKey, now }: BreakGlassDependencies): Promise<AdmissionResponse> {
  const { uid, object, oldObject, userInfo, subResource } = request
  if (object === null || subResource !== '' || object.metadata.name !== BREAK_GLASS.name) return { uid, allowed: true }
  const { wish, mistakes } = readBreakGlass(object)
  const key = approvalKey()
  const annotate = (seal: string, warnings: readonly string[]): AdmissionResponse => {
    const patch = patchTo(object, { ...object.metadata.annotations, [BREAK_GLASS.annotation]: seal })
    const told = warnings.length === 0 ? {} : { warnings }
    if (patch.length === 0) return { uid, allowed: true, ...told }
    return { uid, allowed: true, ...told, patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(patch)).toString('base64') }
  }
  const stored = verifyBreakGlass(oldObject ?? undefined, key)
  const seal = oldObject?.metadata.annotations?.[BREAK_GLASS.annotation]
  const isUnchanged = stored !== undefined && wish !== undefined && stored.reason === wish.reason && stored.owner === wish.owner && stored.until === wish.until
  if (isUnchanged && seal !== undefined) return annotate(seal, [])
  const mayBreak = await mayAccess(userInfo, QUESTION)
  const missing = mayBreak ? [] : [`it needs the verb \`break-glass\` on \`policies.bylaw.dev\`, which \`${userInfo.username}\` does not have`]
  const all = [...mistakes, ...timeMistakes(wish?.until, now()), ...missing]
  if (wish === undefined || all.length > 0) return denial(uid, ['the policies are not turned down', ...all].join('\n'))
  return annotate(sealBreakGlass({ ...wish, account: userInfo.username }, key), [
    `no policy refuses anything until ${wish.until}; everything is still judged and recorded`,
  ])
}
