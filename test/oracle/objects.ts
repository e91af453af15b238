import type { Random } from './random.ts'

// Objects are JSON texts: `1.0` and `1e3` are doubles to Kubernetes, and 2^53 + 1 is itself.
const STRINGS = [
  '""',
  '"web"',
  '"nginx:1.25"',
  '"registry.corp.example/app:v1"',
  '"a/b"',
  '"ALL"',
  '"500m"',
  '"1Gi"',
  '"10.0.0.1"',
  '"1.2.3"',
  '"😀é"',
  '"2024-02-29T12:00:00Z"',
  '"90s"',
  '"Ünï"',
  '"true"',
  '"7"',
]
const NUMBERS = ['0', '1', '-1', '3', '80', '65535', '9007199254740993', '-9223372036854775808', '1.0', '1.5', '-0.5', '1e3', '0.1']

function scalar(random: Random): string {
  const kind = random.next()
  if (kind < 0.5) return random.pick(STRINGS)
  if (kind < 0.8) return random.pick(NUMBERS)
  return random.pick(['true', 'false', 'null'])
}

function list(random: Random, element: () => string): string {
  return `[${Array.from({ length: random.below(4) }, element).join(',')}]`
}

function record(random: Random, fields: Readonly<Record<string, () => string>>): string {
  const present = Object.entries(fields).filter(() => random.chance(0.8))
  return `{${present.map(([name, value]) => `${JSON.stringify(name)}:${random.chance(0.05) ? scalar(random) : value()}`).join(',')}}`
}

function container(random: Random): string {
  return record(random, {
    name: () => random.pick(STRINGS),
    image: () => random.pick(['"nginx"', '"registry.corp.example/app:v1"', '"docker.io/x:latest"']),
    ports: () => list(random, () => record(random, { containerPort: () => random.pick(NUMBERS), protocol: () => '"TCP"' })),
    securityContext: () =>
      record(random, {
        privileged: () => random.pick(['true', 'false']),
        runAsNonRoot: () => random.pick(['true', 'false']),
        capabilities: () => record(random, { drop: () => list(random, () => random.pick(['"ALL"', '"NET_RAW"'])) }),
      }),
    resources: () =>
      record(random, {
        limits: () => record(random, { cpu: () => random.pick(['"500m"', '"1"', '2']), memory: () => random.pick(['"1Gi"', '"128Mi"', '"x"']) }),
      }),
  })
}

/** A random object with the fields the generated expressions read, as JSON. */
export function randomObject(random: Random): string {
  return record(random, {
    metadata: () =>
      record(random, {
        name: () => random.pick(STRINGS),
        labels: () => record(random, { app: () => '"web"', 'a/b': () => '"x"', constructor: () => '"c"', toString: () => scalar(random) }),
      }),
    spec: () =>
      record(random, {
        replicas: () => random.pick(NUMBERS),
        paused: () => random.pick(['true', 'false']),
        ratio: () => random.pick(NUMBERS),
        containers: () => list(random, () => container(random)),
        hosts: () => list(random, () => random.pick(STRINGS)),
        numbers: () => list(random, () => random.pick(NUMBERS)),
        mixed: () => list(random, () => scalar(random)),
        empty: () => 'null',
      }),
  })
}
