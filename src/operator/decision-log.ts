import { readFileSync } from 'node:fs'
import { type Config, isRecord } from '../api/index.ts'
import { type Cluster, EvidenceHeadsSync } from '../controllers/index.ts'
import {
  ChainLog,
  DecisionLog,
  type Logger,
  type LogMetrics,
  makeEvidenceKey,
  OtlpSink,
  type RecordSink,
  type Signer,
  StreamSink,
  signerOf,
} from '../evidence/index.ts'
import { UsageError } from './load-config.ts'

const MINUTE_MS = 60_000
const DAY_MS = 24 * 60 * MINUTE_MS

export interface DecisionLogParts {
  readonly config: Config['evidence']
  readonly cluster: Cluster
  readonly namespace: string
  /** Name of the ConfigMap that has the ends of the logs. */
  readonly headsName: string
  readonly instance: string
  readonly decisionPrefix: string
  readonly version: string
  readonly cel: () => string
  /** The key in Bylaw's Secret, PEM. */
  readonly secretKey: string | undefined
  readonly metrics: LogMetrics
  readonly logger: Logger
}

/** The decision log of a running operator. */
export interface RunningLog {
  readonly log: DecisionLog
  stop(): Promise<void>
}

function readSigner({ config, secretKey, logger }: DecisionLogParts): Signer {
  const { keyFile } = config
  if (keyFile === undefined) {
    if (secretKey === undefined) logger.warn('the decision log is signed with a key that ends with this process: set evidence.keyFile')
    return signerOf(secretKey ?? makeEvidenceKey())
  }
  try {
    return signerOf(readFileSync(keyFile, 'utf8'))
  } catch (error) {
    throw new UsageError(`evidence.keyFile: \`${keyFile}\` could not be read: ${error instanceof Error ? error.message : String(error)}`)
  }
}

function makeSinks({ config, instance, namespace, version, metrics }: DecisionLogParts): readonly RecordSink[] {
  return config.sinks.map(({ type, url, tokenFile }) => {
    if (type === 'Stdout' || url === undefined) return new StreamSink(process.stdout, metrics)
    const resource = { 'service.name': 'bylaw', 'service.namespace': namespace, 'service.instance.id': instance, 'service.version': version }
    return new OtlpSink({ url, resource, version, observer: metrics, ...(tokenFile === undefined ? {} : { tokenFile }) })
  })
}

/** Starts the decision log as it is configured; a folder that cannot be written is told and counted, and keeps nothing from starting. */
export async function startDecisionLog(parts: DecisionLogParts): Promise<RunningLog> {
  const { config, instance, decisionPrefix, version, cel, metrics, cluster, namespace, headsName, logger } = parts
  const { dir, durability, sampleAllows, retention } = config
  const now = (): Date => new Date()
  const limits = { maxAgeMs: retention.maxAgeDays * DAY_MS, maxBytes: retention.maxBytes }
  const sinks = makeSinks(parts)
  if (dir === undefined) {
    const log = new DecisionLog({ sinks, folder: '', retention: limits, now })
    return { log, stop: () => log.close() }
  }
  const signer = readSigner(parts)
  const chain = new ChainLog({
    folder: dir,
    instance,
    decisionPrefix,
    durability,
    sampleAllows,
    segmentBytes: retention.segmentBytes,
    segmentAgeMs: retention.segmentAgeMinutes * MINUTE_MS,
    signer,
    version,
    cel,
    now,
    observer: metrics,
  })
  const log = new DecisionLog({ chain, sinks, folder: dir, retention: limits, now })
  await log.start()
  const heads = new EvidenceHeadsSync({
    cluster,
    namespace,
    name: headsName,
    head: () => log.head(),
    publicKey: signer.publicKey,
    now,
    logger,
    onAnchored: (time) => metrics.recordAnchored(time),
  })
  heads.start()
  logger.info('the decision log is open', { folder: dir, chain: chain.chain, durability })
  return {
    log,
    stop: async () => {
      await log.close()
      await heads.stop()
    },
  }
}

/** A record as the HTTPS door hands it out. */
export async function findForReader(log: DecisionLog, id: string): Promise<{ readonly json: string; readonly namespace: string } | undefined> {
  const found = await log.find(id)
  if (found === undefined) return undefined
  const request = found.record['request']
  const namespace = isRecord(request) && typeof request['namespace'] === 'string' ? request['namespace'] : ''
  return { json: JSON.stringify(found), namespace }
}
