import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { approve, type ExceptionClient } from './approve.ts'
import { check, EXIT, parseTime } from './check.ts'
import { runEval } from './eval.ts'
import type { EvidenceClient } from './evidence-client.ts'
import { addEvidenceCommands } from './evidence-commands.ts'

/** Flags of `bylaw operator`; what is not given comes from the configuration. */
export interface OperatorFlags {
  readonly kubeconfig?: string
  readonly context?: string
  readonly config?: string
  readonly admissionPort?: number
  readonly admissionUrl?: string
  readonly metricsPort: number
  readonly healthPort: number
  readonly evidenceDir?: string
}

/** Flags by which kubectl finds its cluster. */
export interface ClusterFlags {
  readonly kubeconfig?: string
  readonly context?: string
}

export interface ProgramOptions {
  readonly version: string
  readonly runOperator: (flags: OperatorFlags) => Promise<number>
  readonly exceptionClient: (flags: ClusterFlags) => ExceptionClient
  readonly evidenceClient: (flags: ClusterFlags) => EvidenceClient
}

function toPort(text: string): number {
  const port = Number(text)
  if (!Number.isInteger(port) || port < 0 || port > 65535) throw new InvalidArgumentError('expected a port from 0 to 65535')
  return port
}

const gather = (value: string, previous: readonly string[] = []): readonly string[] => [...previous, value]

interface ApproveFlags extends ClusterFlags {
  readonly namespace?: string
  readonly all?: boolean
  readonly dryRun?: boolean
}

interface CheckFlags {
  readonly policies: readonly string[]
  readonly resources: readonly string[]
  readonly contextResources?: readonly string[]
  readonly environment?: string
  readonly now?: string
  readonly output: 'text' | 'json'
  readonly openapi: readonly string[]
}

function runCheck({ now, ...flags }: CheckFlags): number {
  const time = now === undefined ? undefined : parseTime(now)
  if (time !== undefined && !time.ok) {
    process.stderr.write(`error: ${time.error}\n`)
    return EXIT.usage
  }
  const result = check({ ...flags, now: time?.value ?? new Date() })
  process.stderr.write(result.stderr)
  process.stdout.write(result.stdout)
  return result.exitCode
}

/** Runs a command line; resolves with the exit code. */
export async function runProgram(argv: readonly string[], { version, runOperator, exceptionClient, evidenceClient }: ProgramOptions): Promise<number> {
  let exitCode = 0
  const program = new Command('bylaw')
    .description('approve policy once, enforce it at the Kubernetes API boundary')
    .version(version)
    .exitOverride()
    .showSuggestionAfterError()
  program
    .command('operator')
    .description('enforce the policies of a cluster, from inside or outside')
    .option('--kubeconfig <file>', 'kubeconfig file; otherwise the usual places and the account of the Pod')
    .option('--context <name>', 'context of the kubeconfig')
    .option('--config <file>', 'configuration, YAML')
    .option('--admission-port <port>', 'port of the HTTPS door (9443)', toPort)
    .option('--admission-url <url>', 'address of the HTTPS door for an API server outside whose cluster this runs')
    .option('--metrics-port <port>', 'port of /metrics', toPort, 8080)
    .option('--health-port <port>', 'port of /healthz and /readyz', toPort, 8081)
    .option('--evidence-dir <folder>', 'folder for evidence')
    .action(async (flags: OperatorFlags) => {
      exitCode = await runOperator(flags)
    })
  program
    .command('check')
    .description('judge resources in files by policies in files; exit code 0 clean, 1 violations, 2 usage, 3 could not be evaluated')
    .requiredOption('-f, --policies <path>', 'policies, profile and exceptions: a file or folder; may be given again', gather)
    .requiredOption('-r, --resources <path>', 'manifests or AdmissionReviews: a file or folder, `-` for standard input; may be given again', gather)
    .option('--context-resources <path>', 'objects that policies find as their context, all that there are: a file or folder; may be given again', gather)
    .option('--openapi <path>', 'OpenAPI v3 documents of the cluster, to find misspelt fields: a file or folder; may be given again', gather, [])
    .option('--environment <name>', 'environment that everything is judged in')
    .option('--now <time>', 'point in time that is taken for now, RFC 3339')
    .addOption(new Option('-o, --output <format>', 'form of the result').choices(['text', 'json']).default('text'))
    .action((flags: CheckFlags) => {
      exitCode = runCheck(flags)
    })
  program
    .command('approve')
    .description('approve exceptions as they stand now; needs the verb `except` on every policy that they name')
    .argument('[names...]', 'names of exceptions')
    .option('-n, --namespace <name>', 'their namespace')
    .option('--all', 'all that are pending, in one namespace or in all')
    .option('--dry-run', 'say what would be approved')
    .option('--kubeconfig <file>', 'kubeconfig file; otherwise the usual places')
    .option('--context <name>', 'context of the kubeconfig')
    .action(async (names: readonly string[], flags: ApproveFlags) => {
      const { namespace, all = false, dryRun = false } = flags
      const result = await approve(exceptionClient(flags), { names, namespace, all, isDryRun: dryRun })
      process.stderr.write(result.stderr)
      process.stdout.write(result.stdout)
      exitCode = result.exitCode
    })
  program
    .command('eval')
    .description('evaluate CEL expressions and policies: JSON lines in, JSON lines out; on a terminal, try expressions by hand')
    .action(async () => {
      exitCode = await runEval({ input: process.stdin, output: process.stdout, isTerminal: process.stdin.isTTY })
    })
  addEvidenceCommands(program, {
    version,
    clientOf: evidenceClient,
    end: ({ exitCode: code, stdout, stderr }) => {
      process.stderr.write(stderr)
      process.stdout.write(stdout)
      exitCode = code
    },
  })
  try {
    await program.parseAsync([...argv], { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error
    return error.exitCode === 0 ? 0 : EXIT.usage
  }
  return exitCode
}
