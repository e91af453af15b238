import { compareLines, compareRandomPairs, patternLines } from '../oracle/differential.ts'
import { buildOracle } from '../oracle/oracle.ts'
import { Random } from '../oracle/random.ts'

const COUNT = Number(process.env['FUZZ_COUNT'] ?? 1_000_000)
// Another seed each time, printed so that a finding can be repeated.
const SEED = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 31))
const MOST_SHOWN = 50

process.stdout.write(`comparing ${COUNT} expressions with Kubernetes, seed ${SEED}\n`)
const oracle = await buildOracle()
const { differences, kinds, known, undecided } = await compareRandomPairs(oracle, SEED, COUNT, (done) => process.stderr.write(`\r${done}`))
process.stderr.write('\n')
for (const { expression, object, kubernetes, ours } of differences.slice(0, MOST_SHOWN)) {
  process.stdout.write(`${expression}\n  object: ${object}\n  kubernetes: ${JSON.stringify(kubernetes)}\n  bylaw: ${JSON.stringify(ours)}\n`)
}
const verdicts = Object.entries(kinds)
  .map(([kind, count]) => `${count} ${kind}`)
  .join(', ')
process.stdout.write(
  `${differences.length} differ, ${known} in ways that are listed, ${undecided} where Kubernetes differs from itself; Kubernetes gave ${verdicts}\n`,
)
const texts = Math.ceil(COUNT / 10)
const unlike = await compareLines(oracle, patternLines(new Random(SEED), texts))
for (const { line, kubernetes, ours } of unlike.slice(0, MOST_SHOWN)) process.stdout.write(`${line}\n  ${JSON.stringify({ kubernetes, ours })}\n`)
process.stdout.write(`${unlike.length} differ among the patterns that ${texts} texts were matched with\n`)
process.exitCode = differences.length + unlike.length === 0 ? 0 : 1
