import { editDistance } from '../api/index.ts'

/** The name nearest to a mistyped one, if it is near enough to be meant. */
export function nearestName(name: string, candidates: Iterable<string>): string | undefined {
  const lower = name.toLowerCase()
  const furthest = Math.max(1, Math.min(3, Math.floor(name.length / 3)))
  let nearest: string | undefined
  let distance = furthest + 1
  for (const candidate of candidates) {
    if (candidate === name || Math.abs(candidate.length - name.length) >= distance) continue
    const found = editDistance(lower, candidate.toLowerCase())
    if (found < distance) {
      nearest = candidate
      distance = found
    }
  }
  return nearest
}

/** ``did you mean `x`?`` for the nearest name, if there is one. */
export function didYouMean(name: string, candidates: Iterable<string>): string | undefined {
  const nearest = nearestName(name, candidates)
  return nearest === undefined ? undefined : `did you mean \`${nearest}\`?`
}
