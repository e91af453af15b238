import { CelError, fail, noOverload } from './failure.ts'
import { goQuote } from './text.ts'
import { Opaque } from './values.ts'

/** An IP address without zone; an IPv4 address inside IPv6 is refused. */
export class IpAddress extends Opaque {
  readonly $family: 4 | 6
  readonly $bits: bigint
  constructor(family: 4 | 6, bits: bigint) {
    super()
    this.$family = family
    this.$bits = bits
  }
  get $type(): string {
    return 'net.IP'
  }
  $equals(other: Opaque): boolean | CelError {
    return other instanceof IpAddress ? other.$family === this.$family && other.$bits === this.$bits : noOverload('_==_', this, other)
  }
  $text(): string {
    return this.$family === 4 ? ipv4Text(this.$bits) : ipv6Text(this.$bits)
  }
}

/** An address range in CIDR notation; host bits are kept. */
export class Cidr extends Opaque {
  readonly $address: IpAddress
  readonly $length: number
  constructor(address: IpAddress, length: number) {
    super()
    this.$address = address
    this.$length = length
  }
  get $type(): string {
    return 'net.CIDR'
  }
  $equals(other: Opaque): boolean | CelError {
    return other instanceof Cidr ? other.$length === this.$length && other.$address.$equals(this.$address) : noOverload('_==_', this, other)
  }
  $text(): string {
    return `${this.$address.$text()}/${this.$length}`
  }
}

function ipv4Text(bits: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => String((bits >> shift) & 255n)).join('.')
}

function ipv6Text(bits: bigint): string {
  const groups = Array.from({ length: 8 }, (_, position) => Number((bits >> BigInt((7 - position) * 16)) & 0xffffn))
  let start = -1
  let longest = 1
  for (let position = 0; position < 8; position++) {
    let end = position
    while (end < 8 && groups[end] === 0) end++
    if (end - position > longest) {
      start = position
      longest = end - position
    }
    position = Math.max(position, end - 1)
  }
  const text = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':')
  return start < 0 ? text(groups) : `${text(groups.slice(0, start))}::${text(groups.slice(start + longest))}`
}

function ipv4Bits(text: string): bigint | undefined {
  const parts = text.split('.')
  if (parts.length !== 4 || !parts.every((part) => /^(?:0|[1-9][0-9]{0,2})$/.test(part) && Number(part) < 256)) return undefined
  return parts.reduce((bits, part) => (bits << 8n) | BigInt(part), 0n)
}

function ipv6Bits(text: string): bigint | undefined {
  let groups = text
  if (text.includes('.')) {
    const tail = text.lastIndexOf(':') + 1
    const embedded = ipv4Bits(text.slice(tail))
    if (embedded === undefined) return undefined
    groups = `${text.slice(0, tail)}${(embedded >> 16n).toString(16)}:${(embedded & 0xffffn).toString(16)}`
  }
  const halves = groups.split('::')
  if (halves.length > 2) return undefined
  const [head = [], tail = []] = halves.map((half) => (half === '' ? [] : half.split(':')))
  const missing = 8 - head.length - tail.length
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined
  const all = [...head, ...Array.from({ length: missing }, () => '0'), ...tail]
  if (!all.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return undefined
  return all.reduce((bits, group) => (bits << 16n) | BigInt(`0x${group}`), 0n)
}

// 45 characters are the longest address there is; a zone may follow.
const MAX_ADDRESS = 45

/** Reads an address, or says why it is none. */
export function parseIp(text: string): IpAddress | CelError {
  const refuse = (): CelError =>
    fail('Conversion', `IP Address ${goQuote(text)} parse error during conversion from string: ParseAddr(${goQuote(text)}): unable to parse IP`)
  const zone = text.indexOf('%')
  const address = zone < 0 ? text : text.slice(0, zone)
  if (address.length > MAX_ADDRESS) return refuse()
  if (!address.includes(':')) {
    const bits = zone < 0 ? ipv4Bits(address) : undefined
    return bits === undefined ? refuse() : new IpAddress(4, bits)
  }
  const bits = ipv6Bits(address)
  if (bits === undefined || zone === text.length - 1) return refuse()
  if (zone >= 0) return fail('Conversion', `IP address ${goQuote(text)} with zone value is not allowed`)
  if (bits >> 32n === 0xffffn) return fail('Conversion', `IPv4-mapped IPv6 address ${goQuote(text)} is not allowed`)
  return new IpAddress(6, bits)
}

/** Reads a range, or says why it is none. */
export function parseCidr(text: string): Cidr | CelError {
  const refuse = (reason: string): CelError =>
    fail(
      'Conversion',
      `network address parse error during conversion from string: network address parse error during conversion from string: netip.ParsePrefix(${goQuote(text)}): ${reason}`,
    )
  const slash = text.lastIndexOf('/')
  if (slash < 0) return refuse("no '/'")
  const addressText = text.slice(0, slash)
  const lengthText = text.slice(slash + 1)
  const address = parseIp(addressText)
  if (address instanceof CelError) {
    if (address.$message.startsWith('IPv4-mapped')) return fail('Conversion', `IPv4-mapped IPv6 address ${goQuote(text)} is not allowed`)
    return refuse(addressText.includes('%') ? 'IPv6 zones cannot be present in a prefix' : `ParseAddr(${goQuote(addressText)}): unable to parse IP`)
  }
  if (!/^(?:0|[1-9][0-9]{0,2})$/.test(lengthText)) return refuse(`bad bits after slash: ${goQuote(lengthText)}`)
  if (Number(lengthText) > width(address)) return refuse('prefix length out of range')
  return new Cidr(address, Number(lengthText))
}

function width(address: IpAddress): number {
  return address.$family === 4 ? 32 : 128
}

/** The first bits of an address as a number. */
export function leadingBits(address: IpAddress, count: number): bigint {
  return address.$bits >> BigInt(width(address) - count)
}

/** Whether the range holds the address. */
export function cidrContains(range: Cidr, address: IpAddress): boolean {
  return range.$address.$family === address.$family && leadingBits(range.$address, range.$length) === leadingBits(address, range.$length)
}

/** The range with its host bits cleared. */
export function masked(range: Cidr): Cidr {
  const hostBits = BigInt(width(range.$address) - range.$length)
  return new Cidr(new IpAddress(range.$address.$family, (range.$address.$bits >> hostBits) << hostBits), range.$length)
}
