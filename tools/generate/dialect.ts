import { type FunctionRow, functionTable, KNOWN_DIFFERENCES, type KnownDifference, macroTable } from '../../src/cel/index.ts'
import { ABSENT, REFUSED } from './dialect-claims.ts'

const MOST_EXAMPLES = 3

const cell = (value: string): string => value.replaceAll('|', '\\|').replaceAll('\n', ' ')
const code = (value: string): string => `\`${cell(value)}\``
const since = (release: number): string => (release === 0 ? 'always' : `1.${release}`)

function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line), '']
}

const INTRODUCTION = `<!-- Written by \`npm run generate\` from src/cel and tools/generate/dialect.ts. -->
# Expressions

Policies are written in the CEL of Kubernetes: what a ValidatingAdmissionPolicy accepts a Policy accepts, with the same result, the same errors and the same
cost. The engine is compared with Kubernetes' own on random expressions and objects at every test run; where they differ is [listed below](#differences-from-kubernetes).

## What an expression sees

| name | what it is | where |
|---|---|---|
| \`object\` | the object as it would be stored; null at a deletion. Of a workload: the Pod that its template makes | everywhere |
| \`oldObject\` | the object as it is stored; null at a creation | everywhere |
| \`request\` | the request: \`operation\`, \`kind\`, \`resource\`, \`subResource\`, \`name\`, \`namespace\`, \`userInfo\`, \`dryRun\`, \`options\` and, for converted requests, \`requestKind\`, \`requestResource\`, \`requestSubResource\` | everywhere |
| \`namespaceObject\` | the namespace of the request; null for cluster-scoped objects | everywhere |
| \`params\` | the object that \`paramRef\` names; null where it may be missing | with \`paramKind\` |
| \`context.x\` | the objects that the entry \`x\` of \`spec.context\` means, a list by namespace and name. Kubernetes' own policies have no such thing | with \`context\` |
| \`variables.x\` | the value of \`spec.variables\`, computed at most once, when first read | after its declaration; not in match conditions |

\`object\`, \`oldObject\` and \`params\` are of type \`dyn\`, and \`context.x\` of type \`list(dyn)\`: nothing is known of their fields before they are read. \`request\` and \`namespaceObject\` are typed, and a variable keeps
the type of its expression as far as that is plain values, lists and maps. \`authorizer\` is known but refused in a Policy: each use would be a request to the API server in the middle of a decision.

Validations and match conditions are of type \`bool\`, message expressions of type \`string\`, audit annotations of type \`string\` or \`null\`.

Misspelt fields of \`object\`, \`oldObject\`, \`params\`, \`context.x\` and of variables that come from them are found by the schemas of the matched kinds, also inside \`has()\` and after \`.?\`:
as warnings at \`kubectl apply\`, in \`status.expressionWarnings\`, and by \`bylaw check --openapi FILE\` with documents from \`kubectl get --raw /openapi/v3/apis/apps/v1\`.
Kinds that are matched by \`*\` are not looked up. A field that only some of the matched kinds have is told where the policy relies on it for all of them.

## Context

What the objects of \`context.x\` are is looked up in a cache, at once, when an expression first reads it. Where it is not known (the kind is not served, Bylaw may not list it, it was not read yet, there
is more of it than is kept) the expression has an error there, as for a missing field: \`&&\`, \`||\`, \`all\` and \`exists\` may do without it, and a rule that cannot is not evaluated
(\`ContextUnknown\`), for which \`failurePolicy\` decides. It is never an empty list. The objects are as they are stored, without \`metadata.managedFields\` and kubectl's last applied configuration; the object of an
UPDATE or DELETE is among them in its old form. A cache is a moment behind: of two objects that are made at the same time neither may see the other.

## Since when

A function that came with a later release of Kubernetes than the cluster's is refused in a new Policy, as the API server does with its own policies: with the libraries of one release
before its own, so that a cluster can be rolled back. A stored Policy may use all of them. \`kubernetesVersion\` in the configuration says which release counts, where it is not the cluster's own.

## Limits

An expression has at most 100,000 characters and is nested at most 250 deep. One evaluation may cost 1,000,000 units, a policy 10,000,000 in all, as in Kubernetes; here the price is
asked before the work is done, and a deadline stops what no price foresees. A policy that runs out of either counts as one that cannot be evaluated: its \`failurePolicy\` decides.
`

const OBJECTS = `### Objects are maps

Kubernetes holds built-in kinds as structures of Go and custom resources as maps, and its expressions can tell. Here every object is a map, as custom resources are in Kubernetes:

| on built-in kinds | Kubernetes | here |
|---|---|---|
| a list or an object compared with a scalar: \`object.spec == 1\` | an error | \`false\` |
| a key that is no string: \`1 in object.spec\` | an error | \`false\` |
| a list indexed by a uint or a computed double: \`object.spec.containers[0u]\` | an error | the element |

The API server sends its structures as JSON, so in a cluster the rest is alike: empty fields are absent, and quantities are in their shortest form (\`1000m\` is \`1\`). \`bylaw check\` reads
manifests as they are, but for fields of built-in kinds that are null, which count as left out: it fills in no defaults and rewrites no quantity.
`

function functionRows(rows: readonly FunctionRow[]): readonly (readonly string[])[] {
  const groups = Map.groupBy(rows, ({ name, since: release }) => `${name} ${release}`)
  return [...groups.values()].map((group) => [group.map(({ signature }) => code(signature)).join('<br>'), since(group[0]?.since ?? 0)])
}

function libraries(): string[] {
  const byLibrary = Map.groupBy(functionTable(), ({ library }) => library)
  return [...byLibrary].flatMap(([library, rows]) => [
    `### ${library}${library === 'authorizer' ? ' (refused in a Policy)' : library === 'jsonpatch' ? ' (mutations only)' : ''}`,
    '',
    ...table(['function', 'since'], functionRows(rows)),
  ])
}

const ASPECTS: Readonly<Record<KnownDifference['aspect'], string>> = {
  verdict: 'Results that differ',
  cost: 'Costs that differ',
  text: 'Texts of errors that differ',
  mutation: 'Mutations that differ',
}

function differences(aspect: KnownDifference['aspect']): string[] {
  const rows = KNOWN_DIFFERENCES.filter((difference) => difference.aspect === aspect).map(({ expressions, kubernetes, bylaw, reason }) => {
    const shown = expressions.slice(0, MOST_EXAMPLES).map(shorten)
    const more = expressions.length > MOST_EXAMPLES ? ['…'] : []
    return [[...shown.map(code), ...more].join('<br>'), kubernetes, bylaw, reason].map(cell)
  })
  return rows.length === 0 ? [] : [`### ${ASPECTS[aspect]}`, '', ...table(['for example', 'Kubernetes', 'here', 'why'], rows)]
}

const shorten = (expression: string): string => (expression.length > 70 ? `${expression.slice(0, 69)}…` : expression)

/** The page on the dialect of expressions, in Markdown. */
export function toDialectPage(): string {
  const lines = [
    INTRODUCTION,
    '## Syntax',
    '',
    'The whole of CEL: operators (`?:` `||` `&&` `!` `-` `==` `!=` `<` `<=` `>` `>=` `in` `+` `-` `*` `/` `%`), `object.field`, `list[0]`, `map[key]`, names in backticks',
    "(``object.metadata.labels.`app.kubernetes.io/name` ``), integers (`1`, `0x1f`, `1u`), doubles, strings (`'…'`, `\"…\"`, `'''…'''`, raw `r'…'`), bytes (`b'…'`), lists and maps, and optionals:",
    "`object.?spec.?replicas`, `list[?0]`, `[?optional]`, `{?'key': optional}` (since 1.28). `||` and `&&` forgive an error on one side where the other decides.",
    '',
    '### Macros',
    '',
    'Two variables (index and element of a list, key and value of a map) came with 1.32.',
    '',
    ...table(
      ['macro', 'since'],
      macroTable().map(({ usage, since: release }) => [cell(usage), since(release)]),
    ),
    '## Functions',
    '',
    'Every overload. `A`, `B`, `T` and `V` stand for any type; `dyn` for one that is known when the expression is evaluated.',
    '',
    ...libraries(),
    '## What other CELs have',
    '',
    ...table(
      ['not in Kubernetes, and not here', 'for example', 'instead'],
      ABSENT.map(({ what, example, instead }) => [what, code(example), cell(instead)]),
    ),
    '## What the checker refuses',
    '',
    'Kubernetes checks the types of an expression when a policy is made, and so does Bylaw: with the same verdict, every mistake at once, its place and often a suggestion.',
    '',
    ...table(
      ['refused', 'why', 'works'],
      REFUSED.map(({ example, reason, instead }) => [code(example), cell(reason), code(instead)]),
    ),
    '## Differences from Kubernetes',
    '',
    OBJECTS,
    ...(['verdict', 'mutation', 'text', 'cost'] as const).flatMap(differences),
  ]
  return `${lines.join('\n').trimEnd()}\n`
}
