import { isIn, notBool } from './access.ts'
import { add, divide, modulo, multiply, negate, subtract } from './arithmetic.ts'
import type { BinaryExpr, ConditionalExpr, LogicalExpr, UnaryExpr } from './ast.ts'
import { type Code, type CompileContext, constantCode, type Evaluator, type Scope } from './compile-context.ts'
import { isChain } from './compile-select.ts'
import { comparisonCost, contains, equals } from './equality.ts'
import { CelError } from './failure.ts'
import { judgeOrder, type OrderingOperator, ordered } from './ordering.ts'
import { type CelValue, hasFields, isJsonObject, isList, isPlainName } from './values.ts'

/** `!a` and `-a`. */
export function compileUnary(context: CompileContext, expr: UnaryExpr, scope: Scope | undefined): Code {
  const operand = context.compile(expr.operand, scope)
  const cost = operand.cost + 1
  if (expr.operator === '-') return { run: (frame) => negate(operand.run(frame)), cost }
  const run: Evaluator = (frame) => {
    const value = operand.run(frame)
    return typeof value === 'boolean' ? !value : notBool(value)
  }
  return { run, cost }
}

/** Arithmetic, comparisons and `in`. */
export function compileBinary(context: CompileContext, expr: BinaryExpr, scope: Scope | undefined): Code {
  const left = context.compile(expr.left, scope)
  const right = context.compile(expr.right, scope)
  const cost = left.cost + right.cost
  switch (expr.operator) {
    case '==':
    case '!=':
      return compileEquality(expr.operator === '!=', left, right)
    case '<':
    case '<=':
    case '>':
    case '>=':
      return compileOrdering(expr.operator, left, right)
    case 'in':
      return compileIn(left, right)
    case '+':
      return { run: (frame) => add(frame.budget, left.run(frame), right.run(frame)), cost }
    case '-':
      return { run: (frame) => subtract(left.run(frame), right.run(frame)), cost: cost + 1 }
    case '*':
      return { run: (frame) => multiply(left.run(frame), right.run(frame)), cost: cost + 1 }
    case '/':
      return { run: (frame) => divide(left.run(frame), right.run(frame)), cost: cost + 1 }
    case '%':
      return { run: (frame) => modulo(left.run(frame), right.run(frame)), cost: cost + 1 }
  }
}

const SHORT_TEXT = 10

// A constant that is compared with `===`, at a cost of 1.
function isShortScalar(value: CelValue | undefined): value is string | boolean | number {
  if (typeof value === 'string') return value.length > 0 && value.length <= SHORT_TEXT
  return typeof value === 'boolean' || (typeof value === 'number' && Number.isSafeInteger(value))
}

function compileEquality(isNegated: boolean, left: Code, right: Code): Code {
  if (isShortScalar(right.constant)) return equalToConstant(isNegated, left, right.constant, false)
  if (isShortScalar(left.constant)) return equalToConstant(isNegated, right, left.constant, true)
  const run: Evaluator = (frame) => {
    const a = left.run(frame)
    const b = right.run(frame)
    if (typeof a === 'string' && typeof b === 'string') {
      frame.budget.charge(Math.ceil((a.length < b.length ? a.length : b.length) / 10))
      return (a === b) !== isNegated
    }
    frame.budget.charge(comparisonCost(a, b))
    return verdictOf(isNegated, equals(frame.budget, a, b), a, b)
  }
  return { run, cost: left.cost + right.cost }
}

// Values that cannot be compared are an error to `==`, but simply differ to `!=`; an operand in error is an error to both.
function verdictOf(isNegated: boolean, equal: boolean | CelError, a: CelValue, b: CelValue): CelValue {
  if (typeof equal === 'boolean') return equal !== isNegated
  return isNegated && !(a instanceof CelError) && !(b instanceof CelError) ? true : equal
}

function equalToConstant(isNegated: boolean, operand: Code, constant: string | boolean | number, isLeft: boolean): Code {
  const kind = typeof constant
  const run: Evaluator = (frame) => {
    const value = operand.run(frame)
    if (value === constant) return !isNegated
    if (typeof value === kind) {
      // An empty text is compared for nothing.
      if (value === '') frame.budget.charge(-1)
      return isNegated
    }
    const equal = isLeft ? equals(frame.budget, constant, value) : equals(frame.budget, value, constant)
    return verdictOf(isNegated, equal, value, constant)
  }
  return { run, cost: operand.cost + 1 }
}

function compileOrdering(operator: OrderingOperator, left: Code, right: Code): Code {
  const { constant } = right
  const cost = left.cost + right.cost
  const general: Evaluator = (frame) => ordered(frame.budget, operator, left.run(frame), right.run(frame))
  if (typeof constant !== 'number' || !Number.isSafeInteger(constant)) return { run: general, cost }
  const holds = ORDERINGS[operator]
  const run: Evaluator = (frame) => {
    const value = left.run(frame)
    if (typeof value !== 'number' || Number.isNaN(value)) return judgeOrder(operator, value, constant)
    return holds(value, constant)
  }
  return { run, cost: left.cost + 1 }
}

const ORDERINGS: Readonly<Record<OrderingOperator, (a: number, b: number) => boolean>> = {
  '<': (a, b) => a < b,
  '<=': (a, b) => a <= b,
  '>': (a, b) => a > b,
  '>=': (a, b) => a >= b,
}

const PRIMITIVES: ReadonlySet<string> = new Set(['string', 'boolean', 'number', 'bigint'])
const MANY = 4

function compileIn(left: Code, right: Code): Code {
  const list = right.constant
  // Kubernetes looks at constant lists when it plans: nothing is in an empty one, whatever the left side is.
  if (list !== undefined && isList(list) && list.length === 0) return constantCode(false)
  if (list !== undefined && isList(list) && list.every((element) => PRIMITIVES.has(typeof element))) return inConstantList(left, list)
  const key = left.constant
  if (typeof key === 'string' && isPlainName(key)) return constantKeyIn(key, right)
  return { run: (frame) => isIn(frame.budget, left.run(frame), right.run(frame)), cost: left.cost + right.cost }
}

function inConstantList(left: Code, list: readonly CelValue[]): Code {
  const texts = list.length > MANY && list.every((element) => typeof element === 'string') ? new Set(list) : undefined
  const run: Evaluator = (frame) => {
    const value = left.run(frame)
    if (value instanceof CelError) return value
    if (texts !== undefined) return typeof value === 'string' && texts.has(value)
    return contains(frame.budget, list, value)
  }
  return { run, cost: left.cost }
}

function constantKeyIn(key: string, right: Code): Code {
  const run: Evaluator = (frame) => {
    const container = right.run(frame)
    const isThere = hasFields(container) && container[key] !== undefined
    if (!isThere && !isJsonObject(container)) return isIn(frame.budget, key, container)
    frame.budget.charge(1)
    return isThere
  }
  return { run, cost: right.cost }
}

/** `a && b && …` and `a || b || …`: one operand may decide over errors of the others, whatever their order. */
export function compileLogical(context: CompileContext, expr: LogicalExpr, scope: Scope | undefined): Code {
  const operands = expr.operands.map((operand) => context.compile(operand, scope))
  const [first, second] = operands
  if (first === undefined) return constantCode(expr.operator === '&&')
  const decisive = expr.operator === '||'
  const run = operands.length === 2 && second !== undefined ? bothOf(first, second, decisive) : allOf(operands, decisive)
  return { run, cost: first.cost }
}

function bothOf(left: Code, right: Code, decisive: boolean): Evaluator {
  return (frame) => {
    const a = left.run(frame)
    if (a === decisive) return decisive
    frame.budget.charge(right.cost)
    const b = right.run(frame)
    if (b === decisive) return decisive
    if (typeof a === 'boolean') return typeof b === 'boolean' ? b : notBool(b)
    return notBool(a)
  }
}

function allOf(operands: readonly Code[], decisive: boolean): Evaluator {
  return (frame) => {
    let error: CelError | undefined
    for (let position = 0; position < operands.length; position++) {
      const operand = operands[position]
      if (operand === undefined) break
      if (position > 0) frame.budget.charge(operand.cost)
      const value = operand.run(frame)
      if (value === decisive) return decisive
      if (typeof value !== 'boolean' && error === undefined) error = notBool(value)
    }
    return error ?? !decisive
  }
}

/** `condition ? a : b`. */
export function compileConditional(context: CompileContext, expr: ConditionalExpr, scope: Scope | undefined): Code {
  const condition = context.compile(expr.condition, scope)
  const then = context.compile(expr.then, scope)
  const otherwise = context.compile(expr.otherwise, scope)
  // Kubernetes does not charge for the first name of a branch that is a selection.
  const thenCost = isChain(expr.then) ? Math.max(0, then.cost - 1) : then.cost
  const otherwiseCost = isChain(expr.otherwise) ? Math.max(0, otherwise.cost - 1) : otherwise.cost
  const run: Evaluator = (frame) => {
    const verdict = condition.run(frame)
    if (verdict === true) {
      frame.budget.charge(thenCost)
      return then.run(frame)
    }
    if (verdict !== false) return notBool(verdict)
    frame.budget.charge(otherwiseCost)
    return otherwise.run(frame)
  }
  return { run, cost: condition.cost }
}
