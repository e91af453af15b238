/** Where a node stands in the source: UTF-16 offsets, `end` exclusive. */
export interface SourceRange {
  readonly start: number
  readonly end: number
}

/** An int or uint literal is a bigint, a double a number, bytes a Uint8Array. */
export type LiteralType = 'int' | 'uint' | 'double' | 'string' | 'bytes' | 'bool' | 'null'

export interface LiteralExpr extends SourceRange {
  readonly kind: 'literal'
  readonly type: LiteralType
  readonly value: bigint | number | string | boolean | null | Uint8Array
}

/** A name; `absolute` is true for a leading dot (`.name`), which skips comprehension variables. */
export interface IdentExpr extends SourceRange {
  readonly kind: 'ident'
  readonly name: string
  readonly absolute: boolean
}

/** `operand.field`, or `operand.?field` where `optional`. `fieldRange` is the place of the field's name alone. */
export interface SelectExpr extends SourceRange {
  readonly kind: 'select'
  readonly operand: Expr
  readonly field: string
  readonly fieldRange: SourceRange
  readonly optional: boolean
}

/** `operand[index]`, or `operand[?index]` where `optional`. `operatorOffset` is the place of `[`. */
export interface IndexExpr extends SourceRange {
  readonly kind: 'index'
  readonly operand: Expr
  readonly index: Expr
  readonly optional: boolean
  readonly operatorOffset: number
}

/** `has(operand.field)`. */
export interface HasExpr extends SourceRange {
  readonly kind: 'has'
  readonly target: SelectExpr
}

export interface UnaryExpr extends SourceRange {
  readonly kind: 'unary'
  readonly operator: '!' | '-'
  readonly operand: Expr
}

export type BinaryOperator = '+' | '-' | '*' | '/' | '%' | '==' | '!=' | '<' | '<=' | '>' | '>=' | 'in'

export interface BinaryExpr extends SourceRange {
  readonly kind: 'binary'
  readonly operator: BinaryOperator
  readonly left: Expr
  readonly right: Expr
  readonly operatorOffset: number
}

/** A whole chain `a && b && c` in one node, so that a long chain does not nest. */
export interface LogicalExpr extends SourceRange {
  readonly kind: 'logical'
  readonly operator: '&&' | '||'
  readonly operands: readonly Expr[]
}

export interface ConditionalExpr extends SourceRange {
  readonly kind: 'conditional'
  readonly condition: Expr
  readonly then: Expr
  readonly otherwise: Expr
  readonly operatorOffset: number
}

/** `name(args)` or `target.name(args)`; a namespaced call such as `format.named(x)` has the namespace as its target. `nameRange` is the place of the name alone. */
export interface CallExpr extends SourceRange {
  readonly kind: 'call'
  readonly name: string
  readonly nameRange: SourceRange
  readonly target: Expr | undefined
  readonly args: readonly Expr[]
}

export interface ListElement {
  readonly value: Expr
  readonly optional: boolean
}

export interface ListExpr extends SourceRange {
  readonly kind: 'list'
  readonly elements: readonly ListElement[]
}

export interface MapEntry {
  readonly key: Expr
  readonly value: Expr
  readonly optional: boolean
}

export interface MapExpr extends SourceRange {
  readonly kind: 'map'
  readonly entries: readonly MapEntry[]
}

export interface MessageField {
  readonly name: string
  readonly nameRange: SourceRange
  readonly value: Expr
  readonly optional: boolean
}

/** `Type.name{field: value}`. */
export interface MessageExpr extends SourceRange {
  readonly kind: 'message'
  readonly typeName: string
  readonly fields: readonly MessageField[]
}

export type MacroName =
  | 'all'
  | 'exists'
  | 'exists_one'
  | 'map'
  | 'filter'
  | 'transformList'
  | 'transformMap'
  | 'transformMapEntry'
  | 'optMap'
  | 'optFlatMap'
  | 'sortBy'

/** A macro over a range (`range.all(x, body)`), also with two variables; `filter` is the condition of the three- and four-argument forms. */
export interface MacroExpr extends SourceRange {
  readonly kind: 'macro'
  readonly macro: MacroName
  readonly nameRange: SourceRange
  readonly range: Expr
  readonly variables: readonly string[]
  readonly filter: Expr | undefined
  readonly body: Expr
}

/** A parsed CEL expression; macros are recognised by the parser, names are resolved by the checker. */
export type Expr =
  | LiteralExpr
  | IdentExpr
  | SelectExpr
  | IndexExpr
  | HasExpr
  | UnaryExpr
  | BinaryExpr
  | LogicalExpr
  | ConditionalExpr
  | CallExpr
  | ListExpr
  | MapExpr
  | MessageExpr
  | MacroExpr
