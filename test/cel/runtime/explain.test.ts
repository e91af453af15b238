import { describe, expect, test } from '@jest/globals'
import { CostBudget } from '../../../src/cel/index.ts'
import { compiled, explained, sentences, withVariables } from './programs.ts'

const web = {
  metadata: { name: 'web', labels: { team: 'a', 'example.com/tier': 'db' } },
  spec: {
    replicas: 1,
    hostNetwork: true,
    template: {
      spec: {
        containers: [
          {
            name: 'app',
            image: 'registry.corp.example/app:v1',
            securityContext: { runAsNonRoot: true, capabilities: { drop: ['ALL'] } },
            resources: { limits: { memory: '128Mi' } },
            ports: [{ containerPort: 80, protocol: 'TCP' }],
          },
          {
            name: 'sidecar',
            image: 'docker.io/nginx:latest',
            securityContext: { capabilities: { drop: ['NET_RAW'] } },
            resources: { limits: { memory: '4Gi' } },
          },
        ],
        initContainers: [{ name: 'init', image: 'busybox', securityContext: { privileged: true } }],
      },
    },
  },
}
const bindings = {
  object: web,
  oldObject: { spec: { replicas: 3 } },
  params: { data: { max: 0, registries: ['a.example/', 'b.example/'] } },
  request: { userInfo: { username: 'ann' }, operation: 'UPDATE' },
}
const containers = 'object.spec.template.spec.containers'

describe('an expression that is not true is explained by sentences', () => {
  test.each<readonly [expression: string, ...reasons: readonly string[]]>([
    ['object.spec.replicas >= 2', 'spec.replicas (1) must be at least 2'],
    ['object.spec.replicas > 1', 'spec.replicas (1) must be greater than 1'],
    ['object.spec.replicas < 1', 'spec.replicas (1) must be less than 1'],
    ['object.spec.replicas <= 0', 'spec.replicas (1) must be at most 0'],
    ['2 <= object.spec.replicas', 'spec.replicas (1) must be at least 2'],
    ['object.spec.replicas == 3', 'spec.replicas (1) must be 3'],
    ['object.spec.replicas != 1', 'spec.replicas (1) must not be 1'],
    ['!(object.spec.replicas < 5)', 'spec.replicas (1) must be at least 5'],
    ["object.metadata.name == 'db'", 'metadata.name ("web") must be "db"'],
    ["object.metadata.name in ['db', 'api']", 'metadata.name ("web") must be one of "db", "api"'],
    ["!(object.metadata.name in ['db', 'web'])", 'metadata.name ("web") must not be one of "db", "web"'],
    ["object.metadata.name.endsWith('-prod')", 'metadata.name ("web") must end with "-prod"'],
    ["object.metadata.name.contains('x')", 'metadata.name ("web") must contain "x"'],
    ["object.metadata.name.matches('^[0-9]+$')", 'metadata.name ("web") must match "^[0-9]+$"'],
    ["!object.metadata.name.matches('^w')", 'metadata.name ("web") must not match "^w"'],
    ['size(object.metadata.name) > 5', 'metadata.name ("web") must have more than 5 characters'],
    ["'app.kubernetes.io/name' in object.metadata.labels", 'metadata.labels has no key "app.kubernetes.io/name"'],
    ["!('team' in object.metadata.labels)", 'metadata.labels.team ("a") must not be set'],
    ['has(object.spec.paused)', 'spec.paused is not set'],
    ['!has(object.spec.hostNetwork)', 'spec.hostNetwork (true) must not be set'],
    ['!object.spec.hostNetwork', 'spec.hostNetwork (true) must not be true'],
    ['object.spec.hostNetwork == false', 'spec.hostNetwork (true) must be false'],
    ['!has(object.spec.hostNetwork) || object.spec.hostNetwork == false', 'spec.hostNetwork (true) must be false'],
    ['object.?spec.?minReadySeconds.orValue(0) >= 10', 'spec.minReadySeconds is not set, must be at least 10'],
    [
      `${containers}.all(c, c.image.startsWith('registry.corp.example/'))`,
      'spec.template.spec.containers[1].image ("docker.io/nginx:latest") must start with "registry.corp.example/"',
    ],
    [`${containers}.all(c, c.securityContext.runAsNonRoot == true)`, 'spec.template.spec.containers[1].securityContext.runAsNonRoot is not set'],
    [
      `${containers}.all(c, has(c.securityContext.runAsNonRoot) && c.securityContext.runAsNonRoot)`,
      'spec.template.spec.containers[1].securityContext.runAsNonRoot is not set',
    ],
    [`${containers}.all(c, c.?securityContext.?runAsNonRoot.orValue(false))`, 'spec.template.spec.containers[1].securityContext.runAsNonRoot is not set'],
    [
      `(${containers} + object.spec.template.spec.?initContainers.orValue([])).all(c, !c.?securityContext.?privileged.orValue(false))`,
      'spec.template.spec.initContainers[0].securityContext.privileged (true) must not be true',
    ],
    [
      `${containers}.all(c, quantity(c.resources.limits.memory).isLessThan(quantity('1Gi')))`,
      'spec.template.spec.containers[1].resources.limits.memory ("4Gi") must be less than 1Gi',
    ],
    [
      `${containers}.all(c, quantity(c.resources.limits.memory).compareTo(quantity('1Gi')) <= 0)`,
      'spec.template.spec.containers[1].resources.limits.memory ("4Gi") must be at most 1Gi',
    ],
    [
      `${containers}.all(c, c.securityContext.capabilities.drop.exists(d, d == 'ALL'))`,
      'spec.template.spec.containers[1].securityContext.capabilities.drop (["NET_RAW"]) must contain "ALL"',
    ],
    [
      `${containers}.all(c, 'ALL' in c.securityContext.capabilities.drop)`,
      'spec.template.spec.containers[1].securityContext.capabilities.drop (["NET_RAW"]) must contain "ALL"',
    ],
    [
      `${containers}.all(c, ['a/', 'registry.corp.example/'].exists(p, c.image.startsWith(p)))`,
      'spec.template.spec.containers[1].image ("docker.io/nginx:latest") must start with "a/" or "registry.corp.example/"',
    ],
    [
      `${containers}.filter(c, c.image.endsWith(':latest')).size() == 0`,
      'spec.template.spec.containers[1].image ("docker.io/nginx:latest") must not end with ":latest"',
    ],
    [
      `${containers}.map(c, c.image).all(i, !i.endsWith(':latest'))`,
      'spec.template.spec.containers[1].image ("docker.io/nginx:latest") must not end with ":latest"',
    ],
    [
      `${containers}.all(c, c.?ports.orValue([]).all(p, p.containerPort > 1024))`,
      'spec.template.spec.containers[0].ports[0].containerPort (80) must be greater than 1024',
    ],
    [`!${containers}.exists(c, c.name == 'sidecar')`, 'spec.template.spec.containers[1].name ("sidecar") must not be "sidecar"'],
    [
      `${containers}.all(c, c.image.split(':')[1] != 'latest')`,
      "spec.template.spec.containers[1].image (\"docker.io/nginx:latest\") must satisfy `c.image.split(':')[1] != 'latest'`",
    ],
    ['object.spec.replicas == oldObject.spec.replicas', 'spec.replicas (1) must equal oldObject.spec.replicas'],
    ['object.spec.replicas <= params.data.max', 'spec.replicas (1) must be at most 0 (params.data.max)'],
    ["request.userInfo.username.startsWith('system:')", 'request.userInfo.username ("ann") must start with "system:"'],
    ["object.metadata.labels.all(k, v, v != 'db')", 'metadata.labels["example.com/tier"] ("db") must not be "db"'],
    ["object.metadata.?annotations[?'example.com/owner'].hasValue()", 'metadata.annotations has no key "example.com/owner"'],
    ["object.metadata.name == 'web' ? object.spec.replicas == 2 : true", 'spec.replicas (1) must be 2'],
    ["object.metadata.name != 'web' ? true : false", 'metadata.name ("web") must not be "web"'],
    ["request.operation != 'UPDATE' || object.spec.replicas > 1", 'spec.replicas (1) must be greater than 1'],
    ["object == null || object.metadata.name == 'db'", 'metadata.name ("web") must be "db"'],
    ['has(object.spec.jobTemplate.spec.activeDeadlineSeconds)', 'spec.jobTemplate.spec.activeDeadlineSeconds is not set'],
    [
      `${containers}.filter(c, has(c.image)).size() < 2`,
      `spec.template.spec.containers (${JSON.stringify(web.spec.template.spec.containers)}) must have fewer than 2 elements that satisfy \`has(c.image)\``,
    ],
    [
      `${containers}.all(c, c.?securityContext.?runAsUser.or(object.spec.?runAsUser).hasValue())`,
      'spec.template.spec.containers[0].securityContext.runAsUser is not set',
      'spec.template.spec.containers[1].securityContext.runAsUser is not set',
    ],
    ['object.spec.replicas in [2, 3] || object.spec.replicas == 7', 'spec.replicas (1) must be one of 2, 3 or 7'],
    ['quantity(object.metadata.name).isInteger()', 'metadata.name ("web") must be a valid quantity'],
    ['object.metadata.name.all(x, x)', 'metadata.name ("web") must be a list or map'],
    ['object.nope.deeper.all(x, x)', 'nope.deeper is not set'],
    ["cidr('10.0.0.0/8').containsIP(object.metadata.name)", 'metadata.name ("web") must be in 10.0.0.0/8'],
    ['isIP(object.metadata.name)', 'metadata.name ("web") must be an IP address'],
    [
      "!format.dns1123Label().validate(object.metadata.labels['example.com/tier'] + '_').hasValue()",
      'metadata.labels["example.com/tier"] ("db") must not satisfy `format.dns1123Label().validate(object.metadata.labels[\'example.com/tier\'] + \'_\')`',
    ],
    ['format.dns1123Label().validate(object.metadata.name).hasValue()', 'metadata.name ("web") must not be a valid DNS1123Label'],
    ["duration(object.metadata.name) > duration('1h')", 'metadata.name ("web") must be a valid duration'],
    [
      'params.data.registries.exists(r, object.metadata.name.startsWith(r))',
      'metadata.name ("web") must start with "a.example/" (params.data.registries[0]) or "b.example/" (params.data.registries[1])',
    ],
  ])('%s', (expression, ...reasons) => {
    expect(sentences(expression, bindings)).toEqual(reasons)
  })
})

describe('all that is wrong is told, not the first alone', () => {
  test('every operand of a conjunction', () => {
    expect(sentences("object.spec.replicas > 2 && object.metadata.name == 'x' && has(object.spec.hostNetwork)", bindings)).toEqual([
      'spec.replicas (1) must be greater than 2',
      'metadata.name ("web") must be "x"',
    ])
  })

  test('every element, wrong or in error', () => {
    const object = { list: [{ v: 1 }, { v: 5 }, {}, { v: 'x' }, { v: 2 }] }
    expect(sentences('object.list.all(e, e.v > 3)', { object })).toEqual([
      'list[0].v (1) must be greater than 3',
      'list[2].v is not set',
      'list[3].v ("x") must be greater than 3',
      'list[4].v (2) must be greater than 3',
    ])
  })

  test('a thousand elements', () => {
    const object = { list: Array.from({ length: 1_000 }, (_, position) => ({ name: `n${position}`, v: 0 })) }
    const { atoms, complete } = explained('object.list.all(e, e.v == 1)', { object })
    expect(atoms.length).toBe(1_000)
    expect(complete).toBe(true)
    expect(atoms[999]?.keyedPath).toBe('list[name=n999].v')
  })

  test('as many as the budget allows, and that some are missing', () => {
    const object = { list: Array.from({ length: 1_000 }, () => ({ v: 0 })) }
    const { atoms, complete } = compiled('object.list.all(e, e.v == 1)').explain({ object }, new CostBudget({ perExpression: 5_000 }))
    expect(complete).toBe(false)
    expect(atoms.length).toBeGreaterThan(100)
  })
})

describe('paths lead to the object', () => {
  test('elements are also addressed by the key Kubernetes merges them by', () => {
    const keyed = (expression: string): readonly string[] => explained(expression, bindings).atoms.map((atom) => atom.keyedPath)
    expect(keyed(`${containers}.all(c, c.image == 'x')`)).toEqual([
      'spec.template.spec.containers[name=app].image',
      'spec.template.spec.containers[name=sidecar].image',
    ])
    expect(keyed(`${containers}[0].ports.all(p, p.containerPort == 443)`)).toEqual([
      'spec.template.spec.containers[name=app].ports[containerPort=80,protocol=TCP].containerPort',
    ])
  })

  test('through variables that say how they are computed', () => {
    const all = withVariables(bindings, { containers: 'object.spec.template.spec.containers', images: 'variables.containers.map(c, c.image)' })
    const { atoms, complete } = explained("variables.images.all(i, !i.endsWith(':latest'))", all)
    expect(atoms.map((atom) => atom.path)).toEqual(['spec.template.spec.containers[1].image'])
    expect(complete).toBe(true)
  })

  test('through objects in variables that do not', () => {
    const all = { ...bindings, 'variables.containers': web.spec.template.spec.containers }
    expect(explained("variables.containers.all(c, c.name == 'app')", all)).toMatchObject({
      complete: true,
      atoms: [{ path: 'spec.template.spec.containers[1].name' }],
    })
  })

  test('a value that was computed has the variable as its path, and the explanation is incomplete', () => {
    const all = { ...bindings, 'variables.images': ['a', 'b'] }
    expect(explained("variables.images.all(i, i == 'a')", all)).toMatchObject({
      complete: false,
      atoms: [{ root: 'variables.images', segments: [1], path: 'variables.images[1]' }],
    })
  })

  test('a variable that is a verdict is explained by its own expression', () => {
    const all = withVariables(bindings, { isProduction: "object.metadata.labels.team == 'prod'" })
    expect(sentences('variables.isProduction', all)).toEqual(['metadata.labels.team ("a") must be "prod"'])
  })

  test('what is true needs no explanation', () => {
    expect(explained('object.spec.replicas == 1', bindings)).toEqual({ atoms: [], complete: true })
  })

  test('what no value decided is not explained', () => {
    expect(explained('false', bindings)).toEqual({ atoms: [], complete: false })
  })
})
