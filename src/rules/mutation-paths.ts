import { childrenOf, type Expr, type MessageExpr } from '../cel/index.ts'

/** A path that a mutation says it changes, as far as its text tells: a JSON pointer, and the place in the expression. */
export interface MutationPath {
  readonly pointer: string
  /** False where the pointer is only how the path begins. */
  readonly isWhole: boolean
  readonly start: number
  readonly end: number
}

/** The parts of an expression, what a macro evaluates under variables of its own included. */
const partsOf = (expr: Expr): readonly Expr[] =>
  expr.kind === 'macro' ? [expr.range, ...(expr.filter === undefined ? [] : [expr.filter]), expr.body] : childrenOf(expr)

function messagesIn(expr: Expr): readonly MessageExpr[] {
  const found: MessageExpr[] = []
  const waiting: Expr[] = [expr]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (next.kind === 'message') found.push(next)
    waiting.push(...partsOf(next))
  }
  return found.sort((a, b) => a.start - b.start)
}

/** The text that a string expression surely begins with; `isWhole` where that is all of it. */
function knownStart(expr: Expr): { readonly text: string; readonly isWhole: boolean } {
  if (expr.kind === 'literal' && typeof expr.value === 'string') return { text: expr.value, isWhole: true }
  if (expr.kind !== 'binary' || expr.operator !== '+') return { text: '', isWhole: false }
  const left = knownStart(expr.left)
  if (!left.isWhole) return left
  const right = knownStart(expr.right)
  return { text: left.text + right.text, isWhole: right.isWhole }
}

function literalField({ fields }: MessageExpr, name: string): string | undefined {
  const field = fields.find((candidate) => candidate.name === name)?.value
  return field?.kind === 'literal' && typeof field.value === 'string' ? field.value : undefined
}

/** The paths that the steps of a JSON patch name; a path that is put together is known as far as its literal beginning goes, by whole keys. */
function patchPaths(message: MessageExpr): MutationPath[] {
  if (literalField(message, 'op') === 'test') return []
  const isMove = literalField(message, 'op') === 'move'
  return message.fields
    .filter(({ name }) => name === 'path' || (name === 'from' && isMove))
    .flatMap(({ value }) => {
      const { text, isWhole } = knownStart(value)
      const pointer = isWhole ? text : text.slice(0, Math.max(0, text.lastIndexOf('/')))
      // Of a beginning it is only known that something below it changes.
      return pointer === '' || (!isWhole && (pointer === '/metadata' || pointer === '/spec')) ? [] : [{ pointer, isWhole, start: value.start, end: value.end }]
    })
}

/** The fields that `Object.spec{…}` and the like set: those that hold no such object themselves. */
function configurationPaths(message: MessageExpr): MutationPath[] {
  const base = message.typeName.split('.').slice(1)
  return message.fields
    .filter(({ value }) => messagesIn(value).length === 0)
    .map(({ name, nameRange }) => ({ pointer: `/${[...base, name].join('/')}`, isWhole: true, start: nameRange.start, end: nameRange.end }))
}

/** What a mutation changes, as far as its expression tells. */
export function mutationPaths(expr: Expr, patchType: 'JSONPatch' | 'ApplyConfiguration'): readonly MutationPath[] {
  const messages = messagesIn(expr)
  if (patchType === 'JSONPatch') return messages.filter(({ typeName }) => typeName === 'JSONPatch').flatMap(patchPaths)
  return messages.filter(({ typeName }) => typeName === 'Object' || typeName.startsWith('Object.')).flatMap(configurationPaths)
}
