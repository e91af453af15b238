import { type SchemaRule, text } from './node.ts'
import { PATTERNS } from './text.ts'

const PARTS = /^([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.[0-9]+)?(?:Z|[-+]([0-9]{2}):([0-9]{2}))$/

function isTime(value: string): boolean {
  const parts = PARTS.exec(value)
  if (parts === null) return false
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, zoneHour = 0, zoneMinute = 0] = parts.slice(1).map((part) => Number(part ?? 0))
  const daysInMonth = new Date(Date.UTC(year, month, 0)).getUTCDate()
  return month >= 1 && month <= 12 && day >= 1 && day <= daysInMonth && hour < 24 && minute < 60 && second < 60 && zoneHour < 24 && zoneMinute < 60
}

const isShaped = new RegExp(PATTERNS.time.expression)

const exists: SchemaRule<string> = {
  rule: "timestamp(self) >= timestamp('1970-01-01T00:00:00Z')",
  message: 'must be a time that exists, in 1970 or later',
  holds: (self) => !isShaped.test(self) || (isTime(self) && Date.parse(self) >= 0),
}

/** A time, with its zone. */
export const time = (description: string) => text(description, { max: 40, pattern: PATTERNS.time }, [exists])
