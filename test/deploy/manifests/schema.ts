/**
 * What Kubernetes takes of the kinds that our manifests use: fields and types of `core/v1`,
 * `apps/v1` and `cilium.io/v2`, no more than what a DNS cache has a use for. A field that is not
 * here is a spelling mistake until somebody adds it.
 */

/** A value's shape: a check of a plain value, an object of fields, or a list of one shape. */
type Shape = Check | { readonly [field: string]: Shape } | readonly [Shape];
/** Says what is wrong with a value; null: nothing. */
type Check = (value: unknown) => string | null;

const text: Check = (value) => (typeof value === 'string' ? null : 'is no text');
const whole: Check = (value) => (Number.isInteger(value) ? null : 'is no whole number');
const truth: Check = (value) => (typeof value === 'boolean' ? null : 'is neither true nor false');
const matching =
  (pattern: RegExp): Check =>
  (value) =>
    typeof value === 'string' && pattern.test(value) ? null : `does not match ${pattern}`;
const oneOf =
  (...allowed: readonly string[]): Check =>
  (value) =>
    allowed.includes(String(value)) ? null : `is none of ${allowed.join(', ')}`;
const portNumber: Check = (value) =>
  Number.isInteger(value) && Number(value) > 0 && Number(value) < 65_536 ? null : 'is no port';
/** A number or a share: `1`, `10%`. */
const countOrShare: Check = (value) =>
  Number.isInteger(value) || /^\d+%$/.test(String(value)) ? null : 'is neither number nor share';
const texts: Check = (value) =>
  isObject(value) && Object.values(value).every((item) => typeof item === 'string')
    ? null
    : 'has values that are no text (numbers want quotes)';

/** RFC 1123: what names of objects, containers, volumes and ports look like. */
const name = matching(/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/);
const path = matching(/^\//);
const quantity = matching(/^\d+(\.\d+)?(m|Ki|Mi|Gi)?$/);
const protocol = oneOf('UDP', 'TCP');
const metadata = { name, namespace: oneOf('kube-system'), labels: texts, annotations: texts };
const capabilities = [matching(/^(ALL|[A-Z]+(_[A-Z]+)*)$/)] as const;
const quantities = { cpu: quantity, memory: quantity };

const probe = {
  httpGet: { host: text, path, port: portNumber },
  initialDelaySeconds: whole,
  periodSeconds: whole,
  timeoutSeconds: whole,
  failureThreshold: whole,
};

const container = {
  name,
  image: text,
  args: [text],
  resources: { requests: quantities, limits: quantities },
  securityContext: {
    allowPrivilegeEscalation: truth,
    readOnlyRootFilesystem: truth,
    capabilities: { add: capabilities, drop: capabilities },
    seccompProfile: { type: oneOf('RuntimeDefault', 'Unconfined') },
  },
  ports: [{ name, containerPort: portNumber, protocol }],
  readinessProbe: probe,
  livenessProbe: probe,
  volumeMounts: [{ name, mountPath: path, readOnly: truth }],
} as const;

const volume = {
  name,
  emptyDir: { medium: oneOf('', 'Memory'), sizeLimit: quantity },
  hostPath: { path, type: oneOf('FileOrCreate', 'CharDevice') },
  configMap: { name, optional: truth, items: [{ key: text, path: text }] },
} as const;

const pod = {
  priorityClassName: text,
  serviceAccountName: name,
  automountServiceAccountToken: truth,
  hostNetwork: truth,
  dnsPolicy: oneOf('Default', 'ClusterFirst', 'ClusterFirstWithHostNet', 'None'),
  nodeSelector: texts,
  terminationGracePeriodSeconds: whole,
  tolerations: [{ key: text, operator: oneOf('Exists'), effect: oneOf('NoExecute', 'NoSchedule') }],
  containers: [container],
  volumes: [volume],
} as const;

const redirectPorts = [{ name, port: matching(/^\d+$/), protocol }] as const;

/** By `apiVersion kind`; `apiVersion` and `kind` themselves are left out. */
const KINDS: Readonly<Record<string, Shape>> = {
  'v1 ServiceAccount': { metadata },
  'v1 ConfigMap': { metadata, data: texts },
  'v1 Service': {
    metadata,
    spec: {
      clusterIP: oneOf('None'),
      ipFamilyPolicy: oneOf('SingleStack', 'PreferDualStack', 'RequireDualStack'),
      selector: texts,
      ports: [{ name, port: portNumber, protocol, targetPort: portNumber }],
    },
  },
  'apps/v1 DaemonSet': {
    metadata,
    spec: {
      minReadySeconds: whole,
      updateStrategy: {
        type: oneOf('RollingUpdate', 'OnDelete'),
        rollingUpdate: { maxSurge: countOrShare, maxUnavailable: countOrShare },
      },
      selector: { matchLabels: texts },
      template: { metadata: { labels: texts, annotations: texts }, spec: pod },
    },
  },
  'cilium.io/v2 CiliumLocalRedirectPolicy': {
    metadata,
    spec: {
      redirectFrontend: { serviceMatcher: { serviceName: name, namespace: name } },
      redirectBackend: {
        localEndpointSelector: { matchLabels: texts },
        toPorts: redirectPorts,
      },
    },
  },
};

/** What is wrong with an object of a manifest, each a line `field.field: what`. */
export function findFaults(object: Readonly<Record<string, unknown>>): string[] {
  const { apiVersion, kind, ...fields } = object;
  const shape = KINDS[`${apiVersion} ${kind}`];
  if (shape === undefined) return [`${apiVersion} ${kind}: not known`];
  return [...check(fields, shape, `${kind}`)];
}

function* check(value: unknown, shape: Shape, place: string): Generator<string> {
  if (typeof shape === 'function') {
    const fault = shape(value);
    if (fault !== null) yield `${place}: ${JSON.stringify(value)} ${fault}`;
  } else if (Array.isArray(shape)) {
    if (!Array.isArray(value)) yield `${place}: is no list`;
    else for (const [i, item] of value.entries()) yield* check(item, shape[0], `${place}[${i}]`);
  } else if (!isObject(value)) {
    yield `${place}: has no fields`;
  } else {
    for (const [field, item] of Object.entries(value)) {
      const inner = (shape as Record<string, Shape>)[field];
      if (inner === undefined) yield `${place}.${field}: no such field`;
      else yield* check(item, inner, `${place}.${field}`);
    }
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
