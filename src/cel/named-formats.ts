import { type CelError, noOverload } from './failure.ts'
import { urlFault } from './url.ts'
import { Opaque } from './values.ts'

/** One of Kubernetes' named formats: says what is wrong with a text. */
export class NamedFormat extends Opaque {
  readonly $name: string
  /** Kubernetes' guess at the length of the regular expression behind it, which it charges by. */
  readonly $regexSize: number
  readonly $faults: (text: string) => readonly string[]
  constructor(name: string, regexSize: number, faults: (text: string) => readonly string[]) {
    super()
    this.$name = name
    this.$regexSize = regexSize
    this.$faults = faults
  }
  get $type(): string {
    return 'kubernetes.NamedFormat'
  }
  $equals(other: Opaque): boolean | CelError {
    return other instanceof NamedFormat ? other.$name === this.$name : noOverload('_==_', this, other)
  }
  $text(): string {
    return this.$name
  }
}

function regexFault(message: string, pattern: string, ...examples: readonly string[]): string {
  const quoted = examples.map((example) => `'${example}'`)
  return `${message} (e.g. ${quoted.join(',  or ')}, regex used for validation is '${pattern}')`
}

const encoder = new TextEncoder()

// Kubernetes counts bytes, and calls them characters in some places. Every character these patterns allow is one byte.
function tooLong(text: string, limit: number, unit: 'bytes' | 'characters'): readonly string[] {
  return encoder.encode(text).length > limit ? [`must be no more than ${limit} ${unit}`] : []
}

const LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?'
const LABEL_FAULT = regexFault(
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
  LABEL,
  'my-name',
  '123-abc',
)

function label(text: string): readonly string[] {
  const isLabel = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/.test(text)
  return [...tooLong(text, 63, 'characters'), ...(isLabel ? [] : [text.includes('.') && isSubdomain(text) ? 'must not contain dots' : LABEL_FAULT])]
}

const SUBDOMAIN = `${LABEL}(\\.${LABEL})*`
const SUBDOMAIN_FAULT = regexFault(
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
  SUBDOMAIN,
  'example.com',
)

function isSubdomain(text: string): boolean {
  return text.split('.').every((part) => /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/.test(part))
}

function subdomain(text: string, unit: 'bytes' | 'characters' = 'characters'): readonly string[] {
  return [...tooLong(text, 253, unit), ...(isSubdomain(text) ? [] : [SUBDOMAIN_FAULT])]
}

const OLD_LABEL = '[a-z]([-a-z0-9]*[a-z0-9])?'
const OLD_LABEL_FAULT = regexFault(
  "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
  OLD_LABEL,
  'my-name',
  'abc-123',
)

function oldLabel(text: string): readonly string[] {
  return [...tooLong(text, 63, 'characters'), ...(/^[a-z](?:[-a-z0-9]*[a-z0-9])?$/.test(text) ? [] : [OLD_LABEL_FAULT])]
}

// A prefix may end in a dash. Kubernetes then looks at the text with its last two characters replaced by one letter.
function prefixOf(faults: (text: string) => readonly string[]): (text: string) => readonly string[] {
  return (text) => faults(text.length > 1 && text.endsWith('-') ? `${text.slice(0, -2)}a` : text)
}

const NAME = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]'
const isName = (text: string): boolean => /^(?:[A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/.test(text)
const NAME_MESSAGE = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character"

function qualifiedName(text: string): readonly string[] {
  const examples = ['MyName', 'my.name', '123-abc'] as const
  const parts = text.split('/')
  if (parts.length > 2) {
    return [`${regexFault(`a valid label key ${NAME_MESSAGE}`, NAME, ...examples)} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`]
  }
  const faults: string[] = []
  const [prefix = ''] = parts
  const name = parts.at(-1) ?? ''
  if (parts.length === 2) {
    if (prefix === '') faults.push('prefix part must be non-empty')
    else faults.push(...subdomain(prefix, 'bytes').map((fault) => `prefix part ${fault}`))
  }
  if (name === '') faults.push('name part must be non-empty')
  else faults.push(...tooLong(name, 63, 'bytes').map((fault) => `name part ${fault}`))
  if (!isName(name)) faults.push(regexFault(`name part ${NAME_MESSAGE}`, NAME, ...examples))
  return faults
}

const LABEL_VALUE_FAULT = regexFault(
  `a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character`,
  `(${NAME})?`,
  'MyValue',
  'my_value',
  '12345',
)

function labelValue(text: string): readonly string[] {
  return [...tooLong(text, 63, 'bytes'), ...(text === '' || isName(text) ? [] : [LABEL_VALUE_FAULT])]
}

function isDate(text: string): boolean {
  const match = /^([0-9]{4})-([0-9]{2})-([0-9]{2})$/.exec(text)
  if (match === null) return false
  const date = new Date(0)
  date.setUTCFullYear(Number(match[1]), Number(match[2]) - 1, Number(match[3]))
  return Number(match[2]) >= 1 && Number(match[2]) <= 12 && date.getUTCDate() === Number(match[3])
}

function isDateTime(text: string): boolean {
  const [date = '', time] = text.toLowerCase().split('t')
  if (time === undefined || !isDate(date)) return false
  const match = /^([0-9]{2}):([0-9]{2}):([0-9]{2})(.[0-9]+)?(z|[+-][0-9]{2}:[0-9]{2})$/.exec(time)
  return match !== null && Number(match[1]) <= 23 && Number(match[2]) <= 59 && Number(match[3]) <= 59
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})$/
const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/i

function oneFault(isValid: (text: string) => boolean, fault: string): (text: string) => readonly string[] {
  return (text) => (isValid(text) ? [] : [fault])
}

function uri(text: string): readonly string[] {
  const fault = urlFault(text)
  return fault === undefined ? [] : [fault]
}

/** The formats by the names expressions use. */
export const NAMED_FORMATS: ReadonlyMap<string, NamedFormat> = new Map([
  ['dns1123Label', new NamedFormat('DNS1123Label', 30, label)],
  ['dns1123Subdomain', new NamedFormat('DNS1123Subdomain', 60, subdomain)],
  ['dns1035Label', new NamedFormat('DNS1035Label', 30, oldLabel)],
  ['qualifiedName', new NamedFormat('QualifiedName', 60, qualifiedName)],
  ['dns1123LabelPrefix', new NamedFormat('DNS1123LabelPrefix', 30, prefixOf(label))],
  ['dns1123SubdomainPrefix', new NamedFormat('DNS1123SubdomainPrefix', 60, prefixOf(subdomain))],
  ['dns1035LabelPrefix', new NamedFormat('DNS1035LabelPrefix', 30, prefixOf(oldLabel))],
  ['labelValue', new NamedFormat('LabelValue', 40, labelValue)],
  ['uri', new NamedFormat('URI', 1103, uri)],
  [
    'uuid',
    new NamedFormat(
      'uuid',
      72,
      oneFault((text) => UUID.test(text), 'does not match the UUID format'),
    ),
  ],
  [
    'byte',
    new NamedFormat(
      'byte',
      84,
      oneFault((text) => BASE64.test(text), 'invalid base64'),
    ),
  ],
  ['date', new NamedFormat('date', 69, oneFault(isDate, 'invalid date'))],
  ['datetime', new NamedFormat('datetime', 69, oneFault(isDateTime, 'invalid datetime'))],
])
