import { ENFORCEMENT_LEVELS, type EnforcementLevel, type EnforcementProfile, type Policy } from '../api/index.ts'

/** The level of a policy in an environment, and who set it. */
export interface EffectiveLevel {
  readonly level: EnforcementLevel
  readonly source: 'Policy' | 'Profile'
}

/** The levels of one policy under one profile. */
export interface PolicyLevels {
  readonly byEnvironment: ReadonlyMap<string, EffectiveLevel>
  /** The maximum over all environments: what counts where the environment is not known. */
  readonly strictest: EnforcementLevel
}

/** Position of a level on the ladder, `Observe` first. */
export const rankOfLevel = (level: EnforcementLevel): number => ENFORCEMENT_LEVELS.indexOf(level)

/** The stricter of two levels. */
export const stricterLevel = (a: EnforcementLevel, b: EnforcementLevel): EnforcementLevel => (rankOfLevel(a) >= rankOfLevel(b) ? a : b)

/** Whether a failing rule at this level refuses the request. */
export const isDenying = (level: EnforcementLevel): boolean => rankOfLevel(level) >= rankOfLevel('Deny')

/** Works out the levels of a policy: its own for an environment, else the profile's for its severity; `Correct` without a mutation is `Deny`. */
export function levelsOf({ spec }: Policy, profile: EnforcementProfile): PolicyLevels {
  const own = new Map(spec.enforcement.environments.map(({ name, level }) => [name, level]))
  const settle = (level: EnforcementLevel): EnforcementLevel => (level === 'Correct' && spec.mutations.length === 0 ? 'Deny' : level)
  const byEnvironment = new Map<string, EffectiveLevel>()
  for (const { name, levels } of profile.spec.environments) {
    const chosen = own.get(name)
    byEnvironment.set(name, { level: settle(chosen ?? levels[spec.severity]), source: chosen === undefined ? 'Profile' : 'Policy' })
  }
  const strictest = [...byEnvironment.values()].map(({ level }) => level).reduce(stricterLevel, 'Observe')
  return { byEnvironment, strictest }
}
