import type { Config } from '../api/index.ts'
import type { WorkloadController } from '../rules/index.ts'

/** The configured accounts that make objects from templates. */
export const workloadControllersOf = ({ workloadControllers }: Config): readonly WorkloadController[] =>
  workloadControllers.map(({ account, group, kind, resource }) => ({ account, ownerGroup: group, ownerKind: kind, ownerResource: resource }))
