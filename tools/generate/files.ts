import { crdFileName, toCrdFile } from './crd.ts'
import { DEFINITIONS } from './definitions.ts'
import { referenceFileName, toReference } from './reference.ts'

/** Every generated file: its path in the repository and what is in it. */
export function generatedFiles(): ReadonlyMap<string, string> {
  return new Map(
    DEFINITIONS.flatMap((definition): [string, string][] => [
      [`crds/${crdFileName(definition)}`, toCrdFile(definition)],
      [`config/reference/${referenceFileName(definition)}`, toReference(definition)],
    ]),
  )
}
