import type { BinaryOperator, Expr, ListElement, LiteralExpr, MapEntry, MessageField, SourceRange } from './ast.ts'
import type { Token, TokenKind } from './lexer.ts'
import { expandCall } from './macros.ts'
import { DEEPEST_NESTING, Stop, TokenCursor } from './token-cursor.ts'

const RELATIONS: ReadonlyMap<TokenKind, BinaryOperator> = new Map([
  ['==', '=='],
  ['!=', '!='],
  ['<', '<'],
  ['<=', '<='],
  ['>', '>'],
  ['>=', '>='],
  ['in', 'in'],
] as const)

const SUMS: ReadonlyMap<TokenKind, BinaryOperator> = new Map([
  ['+', '+'],
  ['-', '-'],
] as const)

const PRODUCTS: ReadonlyMap<TokenKind, BinaryOperator> = new Map([
  ['*', '*'],
  ['/', '/'],
  ['%', '%'],
] as const)

const RESERVED: ReadonlySet<string> = new Set('as break const continue else for function if import let loop package namespace return var void while'.split(' '))

const LARGEST_INT = 9223372036854775807n
const LARGEST_UINT = 18446744073709551615n

/** Parses tokens by recursive descent, with the depth limits of Kubernetes' parser. */
export class Parser extends TokenCursor {
  // Kubernetes counts how often each rule is open, and the height of the tree besides.
  #exprDepth = 0
  #relationDepth = 0
  #calcDepth = 0
  /** The nesting of the expression parsed last, as Kubernetes' visitor counts it. */
  #height = 0

  /** The whole expression, or undefined if its structure is broken (see `issues`). */
  parse(): Expr | undefined {
    try {
      const expr = this.#expr()
      if (this.token.kind !== 'end') this.unexpected('an operator or the end')
      if (this.#height > DEEPEST_NESTING) this.tooDeep()
      return expr
    } catch (error) {
      if (error instanceof Stop) return undefined
      throw error
    }
  }

  #expr(): Expr {
    this.#exprDepth += 1
    if (this.#exprDepth > DEEPEST_NESTING) this.tooDeep()
    const condition = this.#logical('||')
    const question = this.token
    let expr = condition
    if (question.kind === '?') {
      this.advance()
      let height = this.#height
      const then = this.#logical('||')
      height = Math.max(height, this.#height)
      this.expect(':', 'the `:` of `… ? … : …`')
      const otherwise = this.#expr()
      this.#height = Math.max(height, this.#height) + 1
      expr = { kind: 'conditional', condition, then, otherwise, operatorOffset: question.start, start: condition.start, end: otherwise.end }
    }
    this.#exprDepth -= 1
    return expr
  }

  #logical(operator: '||' | '&&'): Expr {
    const first = operator === '||' ? this.#logical('&&') : this.#relation()
    if (this.token.kind !== operator) return first
    const operands = [first]
    let height = this.#height
    let last = first
    while (this.token.kind === operator) {
      this.advance()
      last = operator === '||' ? this.#logical('&&') : this.#relation()
      operands.push(last)
      height = Math.max(height, this.#height)
    }
    this.#height = height
    return { kind: 'logical', operator, operands, start: first.start, end: last.end }
  }

  #relation(): Expr {
    const depth = this.#relationDepth
    this.#relationDepth = this.#deeper(depth)
    let left = this.#calc(true)
    for (let operator = RELATIONS.get(this.token.kind); operator !== undefined; operator = RELATIONS.get(this.token.kind)) {
      const operatorOffset = this.advance().start
      const height = this.#height
      this.#relationDepth = this.#deeper(depth + 1)
      const right = this.#calc(true)
      this.#relationDepth = depth + 1
      this.#height = Math.max(height, this.#height) + 1
      left = { kind: 'binary', operator, left, right, operatorOffset, start: left.start, end: right.end }
    }
    this.#relationDepth = depth
    return left
  }

  /** Sums of products where `isSum`, else products. */
  #calc(isSum: boolean): Expr {
    const depth = this.#calcDepth
    this.#calcDepth = this.#deeper(depth)
    let left = this.#unary()
    for (let operator = this.#calcOperator(isSum); operator !== undefined; operator = this.#calcOperator(isSum)) {
      const isProduct = PRODUCTS.has(this.token.kind)
      const operatorOffset = this.advance().start
      const height = this.#height
      const right = isProduct ? this.#factor() : this.#calc(false)
      this.#height = Math.max(height, this.#height) + 1
      left = { kind: 'binary', operator, left, right, operatorOffset, start: left.start, end: right.end }
    }
    this.#calcDepth = depth
    return left
  }

  #calcOperator(isSum: boolean): BinaryOperator | undefined {
    return PRODUCTS.get(this.token.kind) ?? (isSum ? SUMS.get(this.token.kind) : undefined)
  }

  #factor(): Expr {
    this.#calcDepth = this.#deeper(this.#calcDepth)
    const factor = this.#unary()
    this.#calcDepth -= 1
    return factor
  }

  #unary(): Expr {
    const first = this.token
    if (first.kind !== '!' && first.kind !== '-') return this.#member()
    const next = this.peek()
    if (first.kind === '-' && (next.kind === 'int' || next.kind === 'double')) return this.#member()
    let count = 0
    while (this.token.kind === first.kind) {
      this.advance()
      count += 1
    }
    const operand = this.#member()
    // An even number of signs is nothing at all for Kubernetes, whatever the operand is.
    if (count % 2 === 0) return operand
    return { kind: 'unary', operator: first.kind, operand, start: first.start, end: operand.end }
  }

  #member(): Expr {
    const start = this.token.start
    let expr = this.#primary()
    for (;;) {
      const open = this.token
      if (open.kind !== '.' && open.kind !== '[') break
      this.advance()
      expr = open.kind === '[' ? this.#subscript(expr, start, open) : this.#selection(expr, start)
    }
    return expr
  }

  #selection(operand: Expr, start: number): Expr {
    const optional = this.accept('?')
    const name = this.token
    if (name.kind !== 'identifier' && name.kind !== 'escaped') this.unexpected('a field name')
    this.advance()
    const field = textOf(name)
    if (this.token.kind !== '(' || optional || name.kind === 'escaped') {
      this.#height += 1
      return { kind: 'select', operand, field, fieldRange: rangeOf(name), optional, start, end: name.end }
    }
    const height = this.#height
    const { args, end } = this.#arguments()
    this.#height = Math.max(height, this.#height) + 1
    return this.#call({ name: field, nameRange: rangeOf(name), target: operand, args, start, end })
  }

  #subscript(operand: Expr, start: number, open: Token): Expr {
    const height = this.#height
    const optional = this.accept('?')
    const index = this.#expr()
    const close = this.close(']', open)
    this.#height = Math.max(height, this.#height) + 1
    return { kind: 'index', operand, index, optional, operatorOffset: open.start, start, end: close.end }
  }

  #arguments(): { readonly args: readonly Expr[]; readonly end: number } {
    const open = this.advance()
    const args: Expr[] = []
    let height = 0
    if (this.token.kind !== ')') {
      do {
        args.push(this.#expr())
        height = Math.max(height, this.#height)
      } while (this.accept(','))
    }
    this.#height = height
    return { args, end: this.close(')', open).end }
  }

  #call(call: Parameters<typeof expandCall>[0]): Expr {
    const expanded = expandCall(call)
    if (expanded.ok) return expanded.value
    this.report('InvalidMacro', expanded.error.range, expanded.error.message)
    return { kind: 'call', ...call }
  }

  #primary(): Expr {
    const token = this.token
    this.#height = 0
    switch (token.kind) {
      case '(': {
        this.advance()
        const expr = this.#expr()
        this.close(')', token)
        return expr
      }
      case '[':
        return this.#list()
      case '{':
        return this.#map()
      case '.':
        this.advance()
        if (this.token.kind !== 'identifier') this.unexpected('a name')
        return this.#named(token.start, true)
      case 'identifier':
        return this.#named(token.start, false)
      case '-':
        this.advance()
        return this.#number(token.start, -1n)
      case 'int':
      case 'uint':
      case 'double':
        return this.#number(token.start, 1n)
      default:
        return this.#literal()
    }
  }

  #literal(): LiteralExpr {
    const { kind, value, start, end } = this.token
    const range = { start, end }
    if (kind === 'string' || kind === 'bytes') {
      this.advance()
      return { kind: 'literal', type: kind, value: value ?? '', ...range }
    }
    if (kind !== 'true' && kind !== 'false' && kind !== 'null') this.unexpected('a value')
    this.advance()
    return { kind: 'literal', type: kind === 'null' ? 'null' : 'bool', value: kind === 'null' ? null : kind === 'true', ...range }
  }

  #number(start: number, sign: bigint): LiteralExpr {
    const { kind, value, end } = this.advance()
    const range = { start, end }
    if (kind === 'double') {
      const number = Number(value) * Number(sign)
      if (!Number.isFinite(number)) this.report('InvalidLiteral', range, 'this number is too large for a double')
      return { kind: 'literal', type: 'double', value: number, ...range }
    }
    const integer = typeof value === 'bigint' ? value * sign : 0n
    if (kind === 'uint') {
      if (integer > LARGEST_UINT) this.report('InvalidLiteral', range, 'this number is too large for a uint (64 bits)')
      return { kind: 'literal', type: 'uint', value: integer, ...range }
    }
    if (integer > LARGEST_INT || integer < -LARGEST_INT - 1n) this.report('InvalidLiteral', range, 'this number is too large for an int (64 bits)')
    return { kind: 'literal', type: 'int', value: integer, ...range }
  }

  #named(start: number, absolute: boolean): Expr {
    const names = this.#messageNames()
    if (names > 0) return this.#message(start, names)
    const name = this.advance()
    const text = textOf(name)
    if (RESERVED.has(text)) this.report('ReservedName', name, `\`${text}\` is a reserved word`)
    if (this.token.kind !== '(') return { kind: 'ident', name: text, absolute, start, end: name.end }
    const { args, end } = this.#arguments()
    const call = { name: text, nameRange: rangeOf(name), target: undefined, args, start, end }
    return absolute ? { kind: 'call', ...call } : this.#call(call)
  }

  /** How many names the type of a message literal has; 0 if none starts here. */
  #messageNames(): number {
    let count = 1
    while (this.peek(2 * count - 1).kind === '.' && this.peek(2 * count).kind === 'identifier') count += 1
    return this.peek(2 * count - 1).kind === '{' ? count : 0
  }

  #message(start: number, count: number): Expr {
    const names = [textOf(this.advance())]
    while (names.length < count) {
      this.advance()
      names.push(textOf(this.advance()))
    }
    const open = this.advance()
    const fields: MessageField[] = []
    const end = this.#sequence('}', open, () => {
      const optional = this.accept('?')
      const name = this.token
      if (name.kind !== 'identifier' && name.kind !== 'escaped') this.unexpected('a field name')
      this.advance()
      this.expect(':', '`:` behind the field name')
      fields.push({ name: textOf(name), nameRange: rangeOf(name), value: this.#expr(), optional })
    })
    return { kind: 'message', typeName: names.join('.'), fields, start, end }
  }

  #list(): Expr {
    const open = this.advance()
    const elements: ListElement[] = []
    const end = this.#sequence(']', open, () => {
      const optional = this.accept('?')
      elements.push({ value: this.#expr(), optional })
    })
    return { kind: 'list', elements, start: open.start, end }
  }

  #map(): Expr {
    const open = this.advance()
    const entries: MapEntry[] = []
    const end = this.#sequence('}', open, () => {
      const optional = this.accept('?')
      const key = this.#expr()
      const height = this.#height
      this.expect(':', '`:` behind the key')
      entries.push({ key, value: this.#expr(), optional })
      this.#height = Math.max(height, this.#height)
    })
    return { kind: 'map', entries, start: open.start, end }
  }

  /** Comma-separated elements up to a closing bracket; a comma may follow the last, and may stand alone. */
  #sequence(close: TokenKind, open: Token, element: () => void): number {
    let height = 0
    if (this.token.kind !== close && !this.accept(',')) {
      do {
        element()
        height = Math.max(height, this.#height)
      } while (this.token.kind === ',' && this.peek().kind !== close && this.accept(','))
      this.accept(',')
    }
    this.#height = height
    return this.close(close, open).end
  }

  #deeper(depth: number): number {
    if (depth >= DEEPEST_NESTING) this.tooDeep()
    return depth + 1
  }
}

const textOf = (token: Token): string => (typeof token.value === 'string' ? token.value : '')
const rangeOf = ({ start, end }: Token): SourceRange => ({ start, end })
