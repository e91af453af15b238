import { noOverload } from './failure.ts'
import { costlyMember, global, type LibraryEntry } from './library-entry.ts'
import { NAMED_FORMATS, NamedFormat } from './named-formats.ts'
import { NONE, Optional } from './values.ts'

/** Kubernetes' format library: `format.dns1123Label().validate(text)` and its kin. */
export const namedFormats: readonly LibraryEntry[] = [
  ...Array.from(NAMED_FORMATS, ([name, format]) => global(`format.${name}`, 0, () => format)),
  global('format.named', 1, (_budget, name) => {
    if (typeof name !== 'string') return noOverload('format.named', name)
    const format = NAMED_FORMATS.get(name)
    return format === undefined ? NONE : new Optional(format)
  }),
  costlyMember('validate', 2, (budget, format, text) => {
    if (!(format instanceof NamedFormat) || typeof text !== 'string') return noOverload('validate', format, text)
    budget.charge(Math.ceil((1 + text.length) / 10) * Math.ceil(format.$regexSize / 4))
    const faults = format.$faults(text)
    return faults.length === 0 ? NONE : new Optional(faults)
  }),
]
