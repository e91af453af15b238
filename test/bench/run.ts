import { benchAdmission } from './admission.ts'
import { benchCel } from './cel.ts'
import { benchScan } from './scan.ts'

/** What there is to measure. */
const BENCHES: Readonly<Record<string, () => Promise<void>>> = { cel: benchCel, admission: benchAdmission, scan: benchScan }

const wanted = process.argv.slice(2)
for (const name of wanted.length === 0 ? Object.keys(BENCHES) : wanted) {
  const bench = BENCHES[name]
  if (bench === undefined) {
    process.stderr.write(`there is no bench \`${name}\`, only ${Object.keys(BENCHES).join(', ')}\n`)
    process.exit(2)
  }
  process.stdout.write(`\n## ${name}\n\n`)
  await bench()
}
