import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** The version of etcd's neighbours; go.mod names the same. */
export const KUBERNETES_VERSION = 'v1.37.2'

/** The folder of the Go module. */
export const MODULE_FOLDER = import.meta.dirname

/** Takes one line of progress for a person. */
export type Report = (line: string) => void

/** This way to the binaries is closed: the message says why, and the next way is tried. */
export class OutOfReach extends Error {
  override readonly name = 'OutOfReach'
}

/** A digest of the files that the binary is built from. */
export function moduleDigest(): string {
  const hash = createHash('sha256')
  for (const name of ['go.mod', 'go.sum', 'main.go']) hash.update(`${name}\n`).update(readFileSync(join(MODULE_FOLDER, name)))
  return hash.digest('hex').slice(0, 12)
}
