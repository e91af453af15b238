import { isRecord, parseJson } from '../../api/index.ts'
import { type RawLine, readSegments, type SegmentSource } from './read-lines.ts'

type Body = Readonly<Record<string, unknown>>

/** A record, and where it stands. */
export interface FoundRecord {
  readonly record: Body
  /** What the rule set that it was judged by is made of, where the segment tells. */
  readonly ruleSet?: Body
  readonly file: string
  readonly seq: number
}

/** How much may be read for one question. */
export interface SearchLimits {
  readonly maxBytes: number
}

/** The log was longer than was to be read. */
export class SearchTooLong extends Error {}

const parse = ({ bytes }: RawLine): Body | undefined => {
  const json = parseJson(bytes.toString('utf8'))
  return json.ok && isRecord(json.value) ? json.value : undefined
}

async function searchSegment(segment: SegmentSource, id: string, spend: (bytes: number) => void): Promise<FoundRecord | undefined> {
  const wanted = Buffer.from(`"id":${JSON.stringify(id)}`)
  const isRuleSet = Buffer.from('"kind":"ruleSet"')
  let ruleSetLine: RawLine | undefined
  let isFirst = true
  for await (const line of segment.lines()) {
    spend(line.bytes.length)
    if (isFirst) {
      // Ids begin with what the header of their log names: others need not be read.
      const prefix = parse(line)?.['decisionPrefix']
      if (typeof prefix === 'string' && !id.startsWith(`${prefix}-`)) return undefined
      isFirst = false
    }
    if (line.bytes.subarray(0, 200).includes(isRuleSet)) ruleSetLine = line
    if (!line.bytes.includes(wanted)) continue
    const record = parse(line)
    const { id: own, seq } = record ?? {}
    if (record === undefined || own !== id || typeof seq !== 'number') continue
    const ruleSet = ruleSetLine === undefined ? undefined : parse(ruleSetLine)
    return { record, file: segment.file, seq, ...(ruleSet === undefined ? {} : { ruleSet }) }
  }
  return undefined
}

/** Looks for the record of a decision or correction, the newest segments first; throws SearchTooLong where the limit comes before the end. */
export async function findRecord(segments: readonly SegmentSource[], id: string, { maxBytes }: SearchLimits): Promise<FoundRecord | undefined> {
  let left = maxBytes
  const spend = (bytes: number): void => {
    left -= bytes
    if (left < 0) throw new SearchTooLong(`more than ${maxBytes} bytes would have to be read`)
  }
  for (const segment of segments.toReversed()) {
    const found = await searchSegment(segment, id, spend)
    if (found !== undefined) return found
  }
  return undefined
}

/** The same in a folder. */
export const findRecordIn = async (folder: string, id: string, limits: SearchLimits): Promise<FoundRecord | undefined> =>
  findRecord(await readSegments(folder), id, limits)

/** Every record of a folder's segments with its place, in the order in which they stand; lines that are none are left out. */
export async function* recordsOf(segments: readonly SegmentSource[]): AsyncGenerator<FoundRecord> {
  for (const segment of segments) {
    let ruleSet: Body | undefined
    for await (const line of segment.lines()) {
      const record = parse(line)
      const seq = record?.['seq']
      if (record === undefined || typeof seq !== 'number') continue
      if (record['kind'] === 'ruleSet') ruleSet = record
      yield { record, file: segment.file, seq, ...(ruleSet === undefined ? {} : { ruleSet }) }
    }
  }
}
