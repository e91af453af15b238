import { type CelError, noOverload } from './failure.ts'
import { Opaque } from './values.ts'

/** What an authorizer is asked: whether a user may do something with a resource, or with a path. */
export interface AuthorizationQuestion {
  readonly user: string
  readonly verb: string
  readonly path?: string
  readonly group?: string
  readonly resource?: string
  readonly subResource?: string
  readonly namespace?: string
  readonly name?: string
}

/** Its answer; an error is told apart from a no. */
export interface AuthorizationAnswer {
  readonly isAllowed: boolean
  readonly reason: string
  readonly error?: string
}

/** Answers questions at once: an expression cannot wait. */
export type Authorize = (question: AuthorizationQuestion) => AuthorizationAnswer

abstract class AuthorizerValue extends Opaque {
  $equals(other: Opaque): boolean | CelError {
    return noOverload('_==_', this, other)
  }
  $text(): string {
    return ''
  }
}

/** `authorizer`, for one user. */
export class Authorizer extends AuthorizerValue {
  readonly $authorize: Authorize
  readonly $user: string
  constructor(authorize: Authorize, user: string) {
    super()
    this.$authorize = authorize
    this.$user = user
  }
  get $type(): string {
    return 'kubernetes.authorization.Authorizer'
  }
}

/** A question about a path, but for the verb. */
export class PathCheck extends AuthorizerValue {
  readonly $authorizer: Authorizer
  readonly $path: string
  constructor(authorizer: Authorizer, path: string) {
    super()
    this.$authorizer = authorizer
    this.$path = path
  }
  get $type(): string {
    return 'kubernetes.authorization.PathCheck'
  }
}

/** A question about a group, but for the resource. */
export class GroupCheck extends AuthorizerValue {
  readonly $authorizer: Authorizer
  readonly $group: string
  constructor(authorizer: Authorizer, group: string) {
    super()
    this.$authorizer = authorizer
    this.$group = group
  }
  get $type(): string {
    return 'kubernetes.authorization.GroupCheck'
  }
}

/** What is asked of a resource besides the verb. */
export type ResourceQuestion = Omit<AuthorizationQuestion, 'user' | 'verb' | 'path'>

/** A question about a resource, but for the verb. */
export class ResourceCheck extends AuthorizerValue {
  readonly $authorizer: Authorizer
  readonly $question: ResourceQuestion
  constructor(authorizer: Authorizer, question: ResourceQuestion) {
    super()
    this.$authorizer = authorizer
    this.$question = question
  }
  get $type(): string {
    return 'kubernetes.authorization.ResourceCheck'
  }
}

/** An answer, as expressions see it. */
export class Decision extends AuthorizerValue {
  readonly $answer: AuthorizationAnswer
  constructor(answer: AuthorizationAnswer) {
    super()
    this.$answer = answer
  }
  get $type(): string {
    return 'kubernetes.authorization.Decision'
  }
}

/** The two variables of an expression that may ask: `authorizer`, and `authorizer.requestResource` for the request's own resource. */
export function authorizerBindings(authorize: Authorize, user: string, request: ResourceQuestion): Readonly<Record<string, Opaque>> {
  const authorizer = new Authorizer(authorize, user)
  return { authorizer, 'authorizer.requestResource': new ResourceCheck(authorizer, request) }
}
