import type { CostBudget } from './cost.ts'
import type { CelValue } from './values.ts'

/** What a function does with its values; for a member function the first is its target. Errors among them come back as errors. */
export type Implementation = (budget: CostBudget, a: CelValue, b: CelValue, c: CelValue, d: CelValue) => CelValue

/** A function of one of the libraries, for one number of arguments; which types it takes is the checker's knowledge. */
export interface LibraryEntry {
  readonly name: string
  readonly member: boolean
  /** Number of arguments, the target of a member function included. */
  readonly arity: number
  /** Whether it charges for itself, before it works; otherwise a call costs 1. */
  readonly ownCost: boolean
  readonly run: Implementation
}

/** A member function that costs 1. */
export function member(name: string, arity: number, run: Implementation): LibraryEntry {
  return { name, member: true, arity, ownCost: false, run }
}

/** A member function that charges for itself. */
export function costlyMember(name: string, arity: number, run: Implementation): LibraryEntry {
  return { name, member: true, arity, ownCost: true, run }
}

/** A global function that costs 1. */
export function global(name: string, arity: number, run: Implementation): LibraryEntry {
  return { name, member: false, arity, ownCost: false, run }
}

/** A global function that charges for itself. */
export function costlyGlobal(name: string, arity: number, run: Implementation): LibraryEntry {
  return { name, member: false, arity, ownCost: true, run }
}

/** What walking a string costs. */
export function traversal(text: string, factor = 1): number {
  return Math.ceil((text.length * factor) / 10)
}
