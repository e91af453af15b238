import { integer, list, object, objectWithDefaults, oneOf, optional, text } from './node.ts'

const MB = 1024 * 1024
const PATH_LENGTH = 1024
const HTTP = { expression: '^https?://[^/?#]+(/[^?#]*)?$', asks: 'an address such as `http://collector:4318/v1/logs`' }

const sink = object(
  'Where records go besides the segment files.',
  {
    type: oneOf('`Stdout` writes JSON lines to standard output; `Otlp` sends logs by OTLP over HTTP.', ['Stdout', 'Otlp']),
    url: optional(text('Where OTLP logs are taken.', { max: PATH_LENGTH, pattern: HTTP })),
    tokenFile: optional(text('A file with the bearer token for it.', { max: PATH_LENGTH })),
  },
  [
    {
      rule: "self.type != 'Otlp' || has(self.url)",
      message: '`Otlp` needs `url`',
      holds: ({ type, url }) => type !== 'Otlp' || url !== undefined,
    },
    {
      rule: "self.type != 'Stdout' || !has(self.url) && !has(self.tokenFile)",
      message: '`Stdout` takes neither `url` nor `tokenFile`',
      holds: ({ type, url, tokenFile }) => type !== 'Stdout' || (url === undefined && tokenFile === undefined),
    },
  ],
)

const retention = objectWithDefaults(
  'How much is kept in the folder, and in what pieces.',
  {
    maxAgeDays: optional(integer('Segments that are older are removed.', { min: 1 })),
    maxBytes: optional(integer('The oldest segments are removed until no more is left.', { min: MB })),
    segmentBytes: optional(integer('Size at which the next segment is begun.', { min: 1024 })),
    segmentAgeMinutes: optional(integer('Age at which the next segment is begun.', { min: 1 })),
  },
  { maxAgeDays: 400, maxBytes: 10 * 1024 * MB, segmentBytes: 64 * MB, segmentAgeMinutes: 24 * 60 },
)

/** The section of the configuration about the decision log. */
export const evidenceConfig = objectWithDefaults(
  'The decision log.',
  {
    dir: optional(text('Folder of the segment files; none are written without it.', { max: PATH_LENGTH })),
    durability: optional(
      oneOf('When a decision may be answered: its record was handed to the operating system, is on the disk, or is in memory for at most 100 ms.', [
        'written',
        'synced',
        'buffered',
      ]),
    ),
    onLogFailure: optional(
      oneOf('What becomes of a request of an entry that fails closed where its record cannot be written. Others are let pass with a warning.', [
        'Allow',
        'Deny',
      ]),
    ),
    sampleAllows: optional(integer('Of so many plain allows one is written; all are counted.', { min: 1 })),
    keyFile: optional(text('Ed25519 private key that signs, PEM; without it a key in the Secret of Bylaw.', { max: PATH_LENGTH })),
    retention: optional(retention),
    sinks: optional(list('Where records go besides the segment files.', sink, { max: 4 })),
  },
  { durability: 'written', onLogFailure: 'Allow', sampleAllows: 1, sinks: [] },
  [
    {
      rule: "!has(self.onLogFailure) || self.onLogFailure != 'Deny' || has(self.dir)",
      message: '`Deny` needs `dir`',
      at: 'onLogFailure',
      holds: ({ onLogFailure, dir }) => onLogFailure !== 'Deny' || dir !== undefined,
    },
  ],
)
