import type { BinaryExpr, ConditionalExpr, Expr, IdentExpr, IndexExpr, LogicalExpr, SelectExpr, SourceRange, UnaryExpr } from './ast.ts'
import type { CelEnvironment, Resolution } from './check.ts'
import { checkCall } from './check-calls.ts'
import { checkList, checkMap, checkMessage } from './check-literals.ts'
import { checkMacro } from './check-macros.ts'
import { checkConstantIndex } from './constants.ts'
import { type ExpressionIssue, type ExpressionIssueCode, issueAt } from './issue.ts'
import { operatorOverloads } from './operator-declarations.ts'
import type { Overload } from './signatures.ts'
import { didYouMean } from './suggest.ts'
import { namedType, TYPE_NAMES } from './type-names.ts'
import { BOOL, type CelType, DYN, ERROR, formatType, isSameType, optionalOf } from './types.ts'
import { Unifier } from './unify.ts'

/** The variables of macros around an expression, innermost first. */
export interface Scope {
  readonly name: string
  readonly type: CelType
  readonly outer: Scope | undefined
}

/** What a call turned out to be. */
export interface OverloadMatch {
  readonly type: CelType
  /** The minor release of Kubernetes that has it. */
  readonly since: number
}

const LONGEST_QUALIFIED_NAME = 3
const MOST_ISSUES = 100

/** Walks an expression, finds the type of each part, and collects all mistakes. */
export class Checker {
  readonly unifier = new Unifier()
  readonly types = new Map<Expr, CelType>()
  readonly resolved = new Map<Expr, Resolution>()
  readonly variables = new Set<string>()
  readonly issues: ExpressionIssue[] = []
  readonly environment: CelEnvironment
  /** Lists, maps and `format` calls that are judged once all types are known. */
  readonly deferred: Expr[] = []
  /** How many calls of `format` are around: in these, lists may mix types. */
  formatDepth = 0
  readonly #source: string
  readonly #undeclaredNames = new Set<string>()

  constructor(source: string, environment: CelEnvironment) {
    this.#source = source
    this.environment = environment
  }

  /** The type of an expression, `ERROR` if it has none. */
  check(expr: Expr, scope: Scope | undefined): CelType {
    const type = this.#typeOf(expr, scope)
    this.types.set(expr, type)
    return type
  }

  report(code: ExpressionIssueCode, range: SourceRange, message: string, suggestion?: string): CelType {
    if (this.issues.length < MOST_ISSUES) this.issues.push(issueAt(this.#source, code, range, message, suggestion))
    return ERROR
  }

  /** Tries the overloads in turn, as Kubernetes does: all that fit count, and if their results differ the result is `dyn`. */
  match(overloads: readonly Overload[], given: readonly CelType[]): OverloadMatch | undefined {
    let type: CelType | undefined
    let since = Number.POSITIVE_INFINITY
    for (const overload of overloads) {
      if (overload.parameters.length !== given.length) continue
      const { parameters, result } = this.#instantiate(overload)
      if (!this.unifier.areAssignable(given, parameters)) continue
      since = Math.min(since, overload.since)
      const found = this.unifier.substitute(result)
      if (type === undefined) type = found
      else if (type.kind !== 'dyn' && !isSameType(found, type)) type = DYN
    }
    if (type === undefined) return undefined
    // What follows from a mistake must not be reported as another one.
    return { type: type.kind === 'dyn' && given.some(isError) ? ERROR : type, since }
  }

  /** The type of an operator's result; `ERROR`, reported where no operand was wrong already. */
  operate(operator: string, given: readonly CelType[], range: SourceRange, suggestion?: string): CelType {
    const found = this.match(operatorOverloads(operator), given)
    if (found !== undefined && given.some(isError)) return found.type
    if (found !== undefined) return this.isKnown(found.since, `\`${operator}\` on these types`, range) ? found.type : ERROR
    if (given.some(isError)) return ERROR
    return this.report('NoMatchingOverload', range, `\`${operator}\` does not apply to ${this.list(given)}`, suggestion)
  }

  /** Whether the oldest Kubernetes of the environment has something; reported if not. */
  isKnown(since: number, what: string, range: SourceRange): boolean {
    const { kubernetesMinor } = this.environment
    if (kubernetesMinor === undefined || since <= kubernetesMinor) return true
    this.report(
      'NewerKubernetes',
      range,
      `${what} came with the libraries of Kubernetes 1.${since}, but this expression must do with those of 1.${kubernetesMinor}`,
    )
    return false
  }

  /** Types as they are written in messages. */
  list(types: readonly CelType[]): string {
    return `(${types.map((type) => this.show(type)).join(', ')})`
  }

  show(type: CelType): string {
    return formatType(this.unifier.settle(type))
  }

  /** `operand.field` on an operand of a type. */
  selectField(operand: CelType, expr: SelectExpr): CelType {
    const type = this.unifier.substitute(operand)
    const target = type.kind === 'optional' ? type.of : type
    const field = this.#fieldOf(target, expr)
    return type.kind === 'optional' || expr.optional ? optionalOf(field) : field
  }

  /** The declared variable that a chain of names stands for, as `variables.x` does, or undefined. */
  qualifiedVariable(expr: SelectExpr, scope: Scope | undefined): CelType | undefined {
    const name = qualifiedName(expr)
    if (name === undefined || isLocal(rootOf(expr), scope)) return undefined
    const type = this.environment.variables.get(name)
    if (type === undefined) return undefined
    this.variables.add(name)
    this.resolved.set(expr, { kind: 'variable', name })
    return type
  }

  #typeOf(expr: Expr, scope: Scope | undefined): CelType {
    switch (expr.kind) {
      case 'literal':
        return expr.type === 'null' ? { kind: 'null' } : LITERAL_TYPES[expr.type]
      case 'ident':
        return this.#ident(expr, scope)
      case 'select':
        return this.#select(expr, scope)
      case 'index':
        return this.#index(expr, scope)
      case 'has':
        return this.#has(expr.target, scope)
      case 'unary':
        return this.#unary(expr, scope)
      case 'binary':
        return this.#binary(expr, scope)
      case 'logical':
        return this.#logical(expr, scope)
      case 'conditional':
        return this.#conditional(expr, scope)
      case 'call':
        return checkCall(this, expr, scope)
      case 'list':
        return checkList(this, expr, scope)
      case 'map':
        return checkMap(this, expr, scope)
      case 'message':
        return checkMessage(this, expr, scope)
      case 'macro':
        return checkMacro(this, expr, scope)
    }
  }

  #ident(expr: IdentExpr, scope: Scope | undefined): CelType {
    const { name } = expr
    for (let local = expr.absolute ? undefined : scope; local !== undefined; local = local.outer) {
      if (local.name !== name) continue
      this.resolved.set(expr, { kind: 'local', name })
      return local.type
    }
    const declared = this.environment.variables.get(name)
    if (declared !== undefined) {
      this.variables.add(name)
      this.resolved.set(expr, { kind: 'variable', name })
      return declared
    }
    const type = namedType(name, false)
    if (type !== undefined) {
      this.resolved.set(expr, { kind: 'type', name })
      return { kind: 'type', of: type }
    }
    return this.#undeclared(expr, scope)
  }

  #undeclared(expr: IdentExpr, scope: Scope | undefined): CelType {
    // A name that is used often is one mistake.
    if (this.#undeclaredNames.has(expr.name)) return ERROR
    this.#undeclaredNames.add(expr.name)
    const declared = [...this.environment.variables.keys()]
    const member = declared.find((name) => name.startsWith(`${expr.name}.`))
    if (member !== undefined) return this.report('UndeclaredReference', expr, `\`${expr.name}\` is read by its fields only, such as \`${member}\``)
    const names = declared.filter((name) => !name.includes('.'))
    for (let local = scope; local !== undefined; local = local.outer) names.push(local.name)
    return this.report('UndeclaredReference', expr, `\`${expr.name}\` is not declared`, didYouMean(expr.name, [...names, ...TYPE_NAMES]))
  }

  #select(expr: SelectExpr, scope: Scope | undefined): CelType {
    const variable = this.qualifiedVariable(expr, scope)
    if (variable !== undefined) return expr.optional ? optionalOf(variable) : variable
    const unknown = this.#unknownVariable(expr, scope)
    if (unknown !== undefined) return unknown
    const name = expr.optional ? undefined : qualifiedName(expr)
    const type = name === undefined || isLocal(rootOf(expr), scope) ? undefined : namedType(name, false)
    if (name !== undefined && type !== undefined) {
      this.resolved.set(expr, { kind: 'type', name })
      return { kind: 'type', of: type }
    }
    return this.selectField(this.check(expr.operand, scope), expr)
  }

  // Variables are declared one by one as `variables.x`, so that `variables` alone is no name.
  #unknownVariable({ operand, field, fieldRange }: SelectExpr, scope: Scope | undefined): CelType | undefined {
    if (operand.kind !== 'ident' || isLocal(operand, scope) || this.environment.variables.has(operand.name)) return undefined
    const prefix = `${operand.name}.`
    const siblings = [...this.environment.variables.keys()].filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length))
    if (siblings.length === 0) return undefined
    return this.report('UndefinedField', fieldRange, `\`${operand.name}\` has no \`${field}\``, didYouMean(field, siblings))
  }

  #has(target: SelectExpr, scope: Scope | undefined): CelType {
    // Kubernetes looks into `authorizer` here, which has no fields; only `variables` is an object of its own.
    const isField = target.operand.kind === 'ident' && this.environment.variables.has(target.operand.name)
    const type =
      (isField ? undefined : this.qualifiedVariable(target, scope)) ??
      this.#unknownVariable(target, scope) ??
      this.selectField(this.check(target.operand, scope), target)
    this.types.set(target, type)
    return BOOL
  }

  #fieldOf(target: CelType, { field, fieldRange, operand }: SelectExpr): CelType {
    switch (target.kind) {
      case 'map':
        return target.value
      case 'object': {
        const type = target.isOpen ? DYN : target.fields.get(field)
        if (type !== undefined) return type
        return this.report('UndefinedField', fieldRange, `${nameOf(operand) ?? target.name} has no field \`${field}\``, didYouMean(field, target.fields.keys()))
      }
      case 'dyn':
      case 'error':
        return target
      case 'parameter':
        this.unifier.isAssignable(DYN, target)
        return DYN
      default:
        return this.report('NotSelectable', fieldRange, `a value of type ${this.show(target)} has no fields`)
    }
  }

  #index({ operand, index, optional, operatorOffset }: IndexExpr, scope: Scope | undefined): CelType {
    const given = [this.check(operand, scope), this.check(index, scope)]
    const type = this.operate(optional ? '[?]' : '[]', given, { start: operatorOffset, end: operatorOffset + 1 })
    return checkConstantIndex(this, index) ? type : ERROR
  }

  #unary({ operator, operand, start }: UnaryExpr, scope: Scope | undefined): CelType {
    const given = this.check(operand, scope)
    const range = { start, end: start + 1 }
    if (operator === '!') return this.operate('!', [given], range)
    const found = this.match(operatorOverloads('negate'), [given])
    if (found !== undefined || isError(given)) return found?.type ?? ERROR
    return this.report('NoMatchingOverload', range, `\`-\` does not apply to ${this.list([given])}`)
  }

  #binary({ operator, left, right, operatorOffset }: BinaryExpr, scope: Scope | undefined): CelType {
    const given = [this.check(left, scope), this.check(right, scope)]
    const range = { start: operatorOffset, end: operatorOffset + operator.length }
    return this.operate(operator, given, range, this.#areMixedNumbers(given) ? CONVERT : undefined)
  }

  #areMixedNumbers(given: readonly CelType[]): boolean {
    const kinds = given.map((type) => this.unifier.substitute(type).kind)
    return kinds.every((kind) => NUMBERS.has(kind)) && kinds[0] !== kinds[1]
  }

  #logical({ operator, operands }: LogicalExpr, scope: Scope | undefined): CelType {
    for (const operand of operands) this.expectBool(this.check(operand, scope), operand, `\`${operator}\` needs operands of type bool`)
    return BOOL
  }

  /** Reports a type that is not, and cannot become, bool. */
  expectBool(type: CelType, range: SourceRange, need: string): void {
    if (!this.unifier.isAssignable(type, BOOL)) this.report('TypeMismatch', range, `${need}, but this is ${this.show(type)}`)
  }

  #conditional({ condition, then, otherwise, operatorOffset }: ConditionalExpr, scope: Scope | undefined): CelType {
    const given = [condition, then, otherwise].map((part) => this.check(part, scope))
    return this.choose(given, { start: operatorOffset, end: operatorOffset + 1 }, condition)
  }

  /** The type of a choice between two values. */
  choose(given: readonly CelType[], range: SourceRange, condition: SourceRange): CelType {
    const found = this.match(operatorOverloads('?:'), given)
    if (found !== undefined) return found.type
    const [test = BOOL, ...branches] = given
    if (!isError(test) && !this.unifier.isAssignable(test, BOOL)) {
      return this.report('TypeMismatch', condition, `the condition of \`? :\` must be bool, but this is ${this.show(test)}`)
    }
    if (given.some(isError)) return ERROR
    return this.report('NoMatchingOverload', range, `the branches of \`? :\` must have one type, but these are ${this.list(branches)}`)
  }

  #instantiate(overload: Overload): Pick<Overload, 'parameters' | 'result'> {
    if (overload.generics.length === 0) return overload
    const fresh = new Map(overload.generics.map((name) => [name, this.unifier.fresh()]))
    return { parameters: overload.parameters.map((type) => replaceGenerics(type, fresh)), result: replaceGenerics(overload.result, fresh) }
  }
}

const LITERAL_TYPES = {
  int: { kind: 'int' },
  uint: { kind: 'uint' },
  double: { kind: 'double' },
  string: { kind: 'string' },
  bytes: { kind: 'bytes' },
  bool: { kind: 'bool' },
} as const

const NUMBERS: ReadonlySet<CelType['kind']> = new Set(['int', 'uint', 'double'])
const CONVERT = 'convert one side, for example with `double(…)`'

const isError = (type: CelType): boolean => type.kind === 'error'

function replaceGenerics(type: CelType, by: ReadonlyMap<string, CelType>): CelType {
  switch (type.kind) {
    case 'parameter':
      return by.get(type.name) ?? type
    case 'list':
      return { kind: 'list', element: replaceGenerics(type.element, by) }
    case 'map':
      return { kind: 'map', key: replaceGenerics(type.key, by), value: replaceGenerics(type.value, by) }
    case 'optional':
    case 'type':
      return { kind: type.kind, of: replaceGenerics(type.of, by) }
    default:
      return type
  }
}

function isLocal(root: IdentExpr | undefined, scope: Scope | undefined): boolean {
  for (let local = scope; local !== undefined && root?.absolute === false; local = local.outer) if (local.name === root.name) return true
  return false
}

function rootOf(expr: Expr): IdentExpr | undefined {
  let at = expr
  while (at.kind === 'select') at = at.operand
  return at.kind === 'ident' ? at : undefined
}

/** `a.b.c` of a chain of plain selections that may be one name. */
function qualifiedName(expr: SelectExpr): string | undefined {
  const names = [expr.field]
  let at = expr.operand
  while (at.kind === 'select' && !at.optional) {
    names.push(at.field)
    at = at.operand
  }
  if (at.kind !== 'ident' || names.length >= LONGEST_QUALIFIED_NAME) return undefined
  names.push(at.name)
  return names.reverse().join('.')
}

function nameOf(expr: Expr): string | undefined {
  if (expr.kind === 'ident') return `\`${expr.name}\``
  const name = expr.kind === 'select' ? qualifiedName(expr) : undefined
  return name === undefined ? undefined : `\`${name}\``
}
