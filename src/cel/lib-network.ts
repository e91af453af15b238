import type { CostBudget } from './cost.ts'
import { CelError, noOverload } from './failure.ts'
import { costlyGlobal, costlyMember, type LibraryEntry, member, traversal } from './library-entry.ts'
import { Cidr, cidrContains, IpAddress, leadingBits, masked, parseCidr, parseIp } from './network.ts'
import type { CelValue } from './values.ts'

function parsed(name: string, factor: number, run: (text: string) => CelValue): LibraryEntry {
  return costlyGlobal(name, 1, (budget, text) => {
    if (typeof text !== 'string') return noOverload(name, text)
    budget.charge(traversal(text, factor))
    return run(text)
  })
}

function ofAddress(name: string, read: (address: IpAddress) => CelValue): LibraryEntry {
  return member(name, 1, (_budget, address) => (address instanceof IpAddress ? read(address) : noOverload(name, address)))
}

function ofRange(name: string, read: (range: Cidr) => CelValue): LibraryEntry {
  return member(name, 1, (_budget, range) => (range instanceof Cidr ? read(range) : noOverload(name, range)))
}

function isLoopback(address: IpAddress): boolean {
  return address.$family === 4 ? leadingBits(address, 8) === 127n : address.$bits === 1n
}

function isLinkLocalMulticast(address: IpAddress): boolean {
  return address.$family === 4 ? leadingBits(address, 24) === 0xe00000n : (leadingBits(address, 16) & 0xff0fn) === 0xff02n
}

function isLinkLocalUnicast(address: IpAddress): boolean {
  return address.$family === 4 ? leadingBits(address, 16) === 0xa9fen : leadingBits(address, 10) === 0x3fan
}

function isMulticast(address: IpAddress): boolean {
  return address.$family === 4 ? leadingBits(address, 4) === 0xen : leadingBits(address, 8) === 0xffn
}

function isGlobalUnicast(address: IpAddress): boolean {
  const isBroadcast = address.$family === 4 && address.$bits === 0xffffffffn
  return address.$bits !== 0n && !isBroadcast && !isLoopback(address) && !isMulticast(address) && !isLinkLocalUnicast(address)
}

function rangeBytes(range: Cidr): number {
  return range.$address.$family === 4 ? 4 : 16
}

// An unreadable text gives Kubernetes' plain "no such overload", not the reason.
function containsIp(budget: CostBudget, range: CelValue, other: CelValue): CelValue {
  if (!(range instanceof Cidr)) return noOverload('containsIP', range, other)
  budget.charge(Math.ceil((2 * rangeBytes(range)) / 10) + (typeof other === 'string' ? traversal(other) : 0))
  const address = typeof other === 'string' ? parseIp(other) : other
  if (address instanceof IpAddress) return cidrContains(range, address)
  return noOverload('containsIP', range, other)
}

function containsCidr(budget: CostBudget, range: CelValue, other: CelValue): CelValue {
  if (!(range instanceof Cidr)) return noOverload('containsCIDR', range, other)
  const bytes = rangeBytes(range)
  budget.charge(Math.ceil((2 * bytes) / 10) + Math.ceil(bytes / 10) + 1 + (typeof other === 'string' ? traversal(other) : 0))
  const inner = typeof other === 'string' ? parseCidr(other) : other
  if (inner instanceof Cidr) return range.$length <= inner.$length && cidrContains(range, inner.$address)
  return noOverload('containsCIDR', range, other)
}

/** Kubernetes' ip and cidr libraries. */
export const networks: readonly LibraryEntry[] = [
  parsed('ip', 1, parseIp),
  parsed('isIP', 1, (text) => !(parseIp(text) instanceof CelError)),
  parsed('ip.isCanonical', 2, (text) => {
    const address = parseIp(text)
    return address instanceof CelError ? address : address.$text() === text
  }),
  parsed('cidr', 1, parseCidr),
  parsed('isCIDR', 1, (text) => !(parseCidr(text) instanceof CelError)),
  ofAddress('family', (address) => address.$family),
  ofAddress('isUnspecified', (address) => address.$bits === 0n),
  ofAddress('isLoopback', isLoopback),
  ofAddress('isLinkLocalMulticast', isLinkLocalMulticast),
  ofAddress('isLinkLocalUnicast', isLinkLocalUnicast),
  ofAddress('isGlobalUnicast', isGlobalUnicast),
  ofRange('ip', (range) => range.$address),
  ofRange('prefixLength', (range) => range.$length),
  ofRange('masked', masked),
  costlyMember('containsIP', 2, containsIp),
  costlyMember('containsCIDR', 2, containsCidr),
]
