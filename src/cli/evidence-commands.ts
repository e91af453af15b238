import { type Command, Option } from 'commander'
import type { CommandResult } from './check.ts'
import type { EvidenceClient } from './evidence-client.ts'
import { explain } from './explain.ts'
import { exportEvidence } from './export-evidence.ts'
import type { ClusterFlags } from './program.ts'
import { verifyEvidence } from './verify-evidence.ts'

interface VerifyFlags extends ClusterFlags {
  readonly key?: string
  readonly heads?: string
  readonly namespace: string
  readonly headsName: string
  readonly instance?: string
  readonly strict?: boolean
  readonly output: 'text' | 'json'
}

interface ExplainFlags extends ClusterFlags {
  readonly dir?: string
  readonly operator?: string
  readonly tokenFile?: string
  readonly caFile?: string
  readonly namespace: string
  readonly registration: string
  readonly output: 'text' | 'json'
}

interface ExportFlags {
  readonly format: 'oscal' | 'csv' | 'sarif'
  readonly since?: string
  readonly until?: string
}

const OUTPUT = (): Option => new Option('-o, --output <format>', 'form of the result').choices(['text', 'json']).default('text')
const NAMESPACE = ['-n, --namespace <name>', 'namespace of the operator', 'bylaw-system'] as const

export interface EvidenceCommandParts {
  readonly version: string
  readonly clientOf: (flags: ClusterFlags) => EvidenceClient
  /** Prints what a command came to, and keeps its exit code. */
  readonly end: (result: CommandResult) => void
}

/** Writes to standard output no faster than it is read. */
const writeOut = (text: string): Promise<void> =>
  new Promise((resolve) => {
    if (text === '' || process.stdout.write(text)) resolve()
    else process.stdout.once('drain', resolve)
  })

/** Adds the commands about evidence. */
export function addEvidenceCommands(program: Command, { version, clientOf, end }: EvidenceCommandParts): void {
  const evidence = program.command('evidence').description('verify and export the decision log')
  evidence
    .command('verify')
    .description('check that a decision log is as it was written; exit code 0 or 1')
    .argument('<dir>', 'folder of the segment files')
    .option('--key <file>', 'key that must have signed it, PEM')
    .option('--heads <file>', 'the ConfigMap with the ends of the logs, YAML or JSON')
    .option('--kubeconfig <file>', 'read that ConfigMap from this cluster')
    .option('--context <name>', 'context of the kubeconfig; read the ConfigMap from its cluster')
    .option(...NAMESPACE)
    .option('--heads-name <name>', 'name of the ConfigMap', 'bylaw-evidence-heads')
    .option('--instance <name>', 'expect only the logs of this instance to be in the folder')
    .option('--strict', 'fail for what nobody has to have done too: an open end, a torn line, records that could not be written')
    .addOption(OUTPUT())
    .action(async (folder: string, { heads, headsName, namespace, strict = false, kubeconfig, context, ...flags }: VerifyFlags) => {
      const fromCluster = kubeconfig !== undefined || context !== undefined
      const cluster = { ...(kubeconfig === undefined ? {} : { kubeconfig }), ...(context === undefined ? {} : { context }) }
      const data = fromCluster && heads === undefined ? { headsData: await clientOf(cluster).heads(namespace, headsName) } : {}
      end(await verifyEvidence({ folder, ...flags, ...(heads === undefined ? {} : { headsFile: heads }), ...data, isStrict: strict }))
    })
  evidence
    .command('export')
    .description('write what a decision log tells of a period in the form that others read')
    .argument('<dir>', 'folder of the segment files')
    .addOption(new Option('--format <format>', 'OSCAL assessment results, CSV, or SARIF').choices(['oscal', 'csv', 'sarif']).makeOptionMandatory())
    .option('--since <time>', 'first moment of the period, RFC 3339')
    .option('--until <time>', 'end of the period, RFC 3339')
    .action(async (folder: string, flags: ExportFlags) => {
      end(await exportEvidence({ folder, ...flags, version, now: new Date(), write: writeOut }))
    })
  program
    .command('explain')
    .description('show one decision in full')
    .argument('<id>', 'id of the decision, as messages and the audit annotation `decision` have it')
    .option('--dir <dir>', 'read the segment files of this folder')
    .option('--operator <url>', 'ask a running operator at this address')
    .option('--token-file <file>', 'bearer token for it; that of the kubeconfig without it')
    .option('--ca-file <file>', 'authorities that it is trusted by, PEM; those of its registration without it')
    .option('--kubeconfig <file>', 'kubeconfig file; otherwise the usual places')
    .option('--context <name>', 'context of the kubeconfig')
    .option(...NAMESPACE)
    .option('--registration <name>', 'name of its registration and of its Service', 'bylaw')
    .addOption(OUTPUT())
    .action(async (id: string, { dir, kubeconfig, context, ...flags }: ExplainFlags) => {
      const cluster = { ...(kubeconfig === undefined ? {} : { kubeconfig }), ...(context === undefined ? {} : { context }) }
      end(await explain({ id, ...(dir === undefined ? {} : { folder: dir }), ...flags }, () => clientOf(cluster)))
    })
}
