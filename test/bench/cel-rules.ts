/** A rule's name, and its expression over a Deployment. */
type Rules = Readonly<Record<string, string>>

const containers = 'object.spec.template.spec.containers'

/** Seven rules that most clusters have in one form or another. */
const COMMON: Rules = {
  'runs as non-root': `${containers}.all(c, has(c.securityContext) && has(c.securityContext.runAsNonRoot) && c.securityContext.runAsNonRoot == true)`,
  'own registry': `${containers}.all(c, c.image.startsWith('registry.corp.example/') || c.image.startsWith('mirror.example/'))`,
  'no latest tag': `${containers}.all(c, c.image.contains(':') && !c.image.endsWith(':latest'))`,
  'label present': `has(object.metadata.labels) && 'app.kubernetes.io/name' in object.metadata.labels`,
  'replica range': 'object.spec.replicas >= 2 && object.spec.replicas <= 10',
  'limits set': `${containers}.all(c, has(c.resources) && has(c.resources.limits) && 'memory' in c.resources.limits && 'cpu' in c.resources.limits)`,
  'drops all capabilities': `${containers}.all(c, has(c.securityContext) && has(c.securityContext.capabilities) && c.securityContext.capabilities.drop.exists(d, d == 'ALL'))`,
}

const pod = 'object.spec.template.spec'

/** Twenty more, as they stand in policies of real clusters. */
const REAL: Rules = {
  'no host namespaces': `!${pod}.?hostNetwork.orValue(false) && !${pod}.?hostPID.orValue(false) && !${pod}.?hostIPC.orValue(false)`,
  'no privilege escalation': `${containers}.all(c, !c.?securityContext.?allowPrivilegeEscalation.orValue(true))`,
  'no privileged container': `(${containers} + ${pod}.?initContainers.orValue([])).all(c, !c.?securityContext.?privileged.orValue(false))`,
  'no host path': `${pod}.?volumes.orValue([]).all(v, !has(v.hostPath))`,
  'no host port': `${containers}.all(c, c.?ports.orValue([]).all(p, p.?hostPort.orValue(0) == 0))`,
  'volume types': `${pod}.?volumes.orValue([]).all(v, ['configMap', 'secret', 'emptyDir', 'projected'].exists(t, t in v))`,
  'memory limit': `${containers}.all(c, quantity(c.resources.limits.memory).isLessThan(quantity('1Gi')))`,
  'requests meet limits': `${containers}.all(c, quantity(c.resources.requests.memory).compareTo(quantity(c.resources.limits.memory)) <= 0)`,
  'image by pattern': `${containers}.all(c, c.image.matches('^registry[.]corp[.]example/[a-z0-9/-]+:v[0-9]+[.][0-9]+[.][0-9]+$'))`,
  'team label': `object.metadata.?labels.?team.orValue('').matches('^[a-z][a-z0-9-]{0,30}$')`,
  'several labels': `['app', 'team', 'app.kubernetes.io/name'].all(key, key in object.metadata.labels)`,
  'no default namespace': `object.metadata.?namespace.orValue('default') != 'default'`,
  'name ends well': `!object.metadata.name.endsWith('-tmp') && object.metadata.name.size() <= 40`,
  'labels agree': `object.spec.template.metadata.labels.all(key, key in object.metadata.labels)`,
  'ports in range': `${containers}.all(c, c.?ports.orValue([]).all(p, p.containerPort >= 1024 && p.containerPort <= 65535))`,
  'unique names': `${containers}.all(c, ${containers}.exists_one(d, d.name == c.name))`,
  'image of the team': `${containers}.all(c, c.image.split('/')[1] == 'team')`,
  'images counted': `${containers}.filter(c, c.image.startsWith('registry.')).size() == ${containers}.size()`,
  'all capabilities dropped': `${containers}.map(c, c.securityContext.capabilities.drop).all(list, list.exists(d, d == 'ALL'))`,
  'owner or annotation': `object.metadata.?ownerReferences.orValue([]).size() > 0 || !('exempt' in object.metadata.?annotations.orValue({}))`,
}

/** What libraries of policies ask for, in their words. */
const UNSEEN: Rules = {
  'allowed repositories': `${containers}.all(c, ['docker.io/library/', 'registry.corp.example/'].exists(r, c.image.startsWith(r)))`,
  'tag by pattern': `${containers}.all(c, !c.image.matches('(:latest|^[^:]+)$'))`,
  'no digest': `!${containers}.exists(c, c.image.matches('@[a-z0-9]+([+._-][a-z0-9]+)*:[a-zA-Z0-9=_-]+'))`,
  'names of containers': `${containers}.all(c, c.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$'))`,
  'labels with patterns': `['app', 'team'].all(k, k in object.metadata.labels && object.metadata.labels[k].matches('^[a-z0-9-]+$'))`,
  'cpu limit': `${containers}.all(c, quantity(c.resources.limits.cpu).isGreaterThan(quantity('0')) && quantity(c.resources.limits.cpu).isLessThan(quantity('2')))`,
  'guaranteed class': `${containers}.all(c, c.resources.?requests.orValue({}) == c.resources.?limits.orValue({}))`,
  'capabilities added': `${containers}.all(c, c.?securityContext.?capabilities.?add.orValue([]).all(k, k in ['CHOWN', 'KILL', 'SETUID', 'SETGID', 'NET_BIND_SERVICE']))`,
  'seccomp profile': `${pod}.?securityContext.?seccompProfile.?type.orValue('RuntimeDefault') in ['RuntimeDefault', 'Localhost']`,
  'safe sysctls': `!has(${pod}.securityContext) || !has(${pod}.securityContext.sysctls) || ${pod}.securityContext.sysctls.all(s, s.name.startsWith('net.'))`,
  'no token': `${pod}.?automountServiceAccountToken.orValue(false) == false`,
  'own service account': `!has(${pod}.serviceAccountName) || !(${pod}.serviceAccountName in ['', 'default'])`,
  'spread over zones': `object.spec.replicas < 4 || has(${pod}.topologySpreadConstraints)`,
  'labels of the template': `object.spec.template.metadata.labels.all(k, object.metadata.labels[?k].orValue('') == object.spec.template.metadata.labels[k])`,
  'name after the namespace': `object.metadata.name.startsWith(object.metadata.namespace + '-') || size(object.metadata.name) < 10`,
  'depth of the repository': `${containers}.all(c, c.image.split('@')[0].split(':')[0].split('/').size() >= 3)`,
  'reserved annotations': `object.metadata.?annotations.orValue({}).all(k, !k.startsWith('internal.corp/'))`,
  'lower-case images': `${containers}.all(c, c.image == c.image.lowerAscii())`,
  'one port each': `${containers}.map(c, c.ports.map(p, p.containerPort)).all(ports, ports.size() == 1)`,
  'small or away from production': `object.spec.replicas <= 5 ? true : object.metadata.namespace in ['dev', 'test']`,
}

/** The groups of rules that are measured, each with its table. */
export const RULE_GROUPS: Readonly<Record<string, Rules>> = {
  'Rules that the goals are about': { ...COMMON, ...REAL },
  'Further rules, from libraries of policies': UNSEEN,
}
