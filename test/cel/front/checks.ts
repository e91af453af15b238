import { type CelEnvironment, checkExpression } from '../../../src/cel/check.ts'
import { authorizerType, namespaceType, requestType, resourceCheckType } from '../../../src/cel/environment-types.ts'
import { renderIssue } from '../../../src/cel/issue.ts'
import { parseExpression } from '../../../src/cel/parse.ts'
import { DYN, formatType, INT } from '../../../src/cel/types.ts'

/** The variables of an admission policy with one variable of its own. */
export const admission: CelEnvironment = {
  variables: new Map([
    ['object', DYN],
    ['oldObject', DYN],
    ['params', DYN],
    ['request', requestType()],
    ['namespaceObject', namespaceType()],
    ['authorizer', authorizerType()],
    ['authorizer.requestResource', resourceCheckType()],
    ['variables.replicas', INT],
  ]),
}

/** The type of an expression, or all issues as a person reads them. */
export function verdict(source: string, environment: CelEnvironment = admission): string {
  const parsed = parseExpression(source)
  const checked = parsed.ok ? checkExpression(source, parsed.value, environment) : parsed
  return checked.ok ? formatType(checked.value.type) : checked.error.map((issue) => renderIssue(source, issue)).join('\n')
}

/** The codes and messages of all issues, one a line. */
export function issues(source: string, environment: CelEnvironment = admission): readonly string[] {
  const parsed = parseExpression(source)
  const checked = parsed.ok ? checkExpression(source, parsed.value, environment) : parsed
  return checked.ok ? [] : checked.error.map(({ code, line, column, message }) => `${line}:${column} ${code}: ${message}`)
}
