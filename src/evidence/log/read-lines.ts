import { open, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type SegmentName, segmentsAmong } from './segment-name.ts'

/** One line as it stands in a file, without its end; the last one may lack that. */
export interface RawLine {
  readonly bytes: Buffer
  readonly isWhole: boolean
}

/** A segment that can be read from its beginning. */
export interface SegmentSource extends SegmentName {
  lines(): AsyncIterable<RawLine>
}

const CHUNK_BYTES = 1024 * 1024
const NEWLINE = 0x0a

/** The lines of a file; memory is bounded by its longest line. */
export async function* readLines(path: string): AsyncGenerator<RawLine> {
  const file = await open(path, 'r')
  try {
    const chunk = Buffer.alloc(CHUNK_BYTES)
    const parts: Buffer[] = []
    for (;;) {
      const { bytesRead } = await file.read(chunk, 0, CHUNK_BYTES, null)
      if (bytesRead === 0) break
      let from = 0
      for (let end = chunk.indexOf(NEWLINE); end >= 0 && end < bytesRead; end = chunk.indexOf(NEWLINE, from)) {
        const piece = Buffer.from(chunk.subarray(from, end))
        yield { bytes: parts.length === 0 ? piece : Buffer.concat([...parts.splice(0), piece]), isWhole: true }
        from = end + 1
      }
      if (from < bytesRead) parts.push(Buffer.from(chunk.subarray(from, bytesRead)))
    }
    if (parts.length > 0) yield { bytes: Buffer.concat(parts), isWhole: false }
  } finally {
    await file.close()
  }
}

/** The segments of a folder, by chain and number. */
export async function readSegments(folder: string): Promise<readonly SegmentSource[]> {
  const names = segmentsAmong(await readdir(folder))
  return names.map((name) => ({ ...name, lines: () => readLines(join(folder, name.file)) }))
}
