/** Reads manifests through kubectl, which needs no cluster for that. */
import { spawnSync } from 'node:child_process';

/** An object of a manifest, as JSON has it. */
export interface ManifestObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly labels?: Record<string, string> };
  readonly data?: Record<string, string>;
  readonly spec?: never;
}

export interface Container {
  readonly image: string;
  readonly args: readonly string[];
  readonly ports?: readonly object[];
  readonly securityContext: {
    readonly allowPrivilegeEscalation?: boolean;
    readonly readOnlyRootFilesystem?: boolean;
    readonly capabilities: { readonly add?: readonly string[]; readonly drop?: readonly string[] };
  };
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
  readonly livenessProbe: { readonly httpGet: { readonly host?: string } };
}

export interface DaemonSetSpec {
  readonly updateStrategy: { readonly rollingUpdate: Record<string, unknown> };
  readonly selector: { readonly matchLabels: Record<string, string> };
  readonly template: {
    readonly metadata: { readonly labels: Record<string, string> };
    readonly spec: {
      readonly hostNetwork: boolean;
      readonly serviceAccountName: string;
      readonly containers: readonly [Container];
      readonly volumes: readonly {
        readonly name: string;
        readonly emptyDir?: object;
        readonly hostPath?: { readonly path: string };
        readonly configMap?: {
          readonly name: string;
          readonly optional?: boolean;
          readonly items?: readonly { readonly key: string; readonly path: string }[];
        };
      }[];
    };
  };
}

/** Runs kubectl; throws what it says when it fails. */
export function kubectl(args: readonly string[], input = ''): string {
  const { status, stdout, stderr, error } = spawnSync('kubectl', args, { input, encoding: 'utf8' });
  if (status === 0) return stdout;
  throw new Error(`kubectl ${args.join(' ')}: ${error?.message ?? stderr}`);
}

/** The objects of a manifest. Throws when it is no YAML, or not of objects. */
export function readManifest(text: string): ManifestObject[] {
  // Labelling without a server: the label that is taken away is not there.
  const json = kubectl(['label', '--local', '-f', '-', '-o', 'json', 'none-'], text);
  return json
    .trimEnd()
    .split(/^(?=\{)/m)
    .map((object) => JSON.parse(object));
}

/** What Kubernetes' own types find wrong: fields of another type. Only for kinds that it brings. */
export function findDecodeFaults(object: ManifestObject): string[] {
  const args = ['set', 'env', '--local', '-f', '-', '-o', 'name', 'NONE-'];
  const { stderr } = spawnSync('kubectl', args, {
    input: JSON.stringify(object),
    encoding: 'utf8',
  });
  return stderr.split('\n').filter((line) => line.includes('unable to decode'));
}

/** The only object of a kind (with a name). */
export function find(objects: readonly ManifestObject[], kind: string, name?: string) {
  const found = objects.filter(
    (object) => object.kind === kind && (name === undefined || object.metadata.name === name),
  );
  if (found.length !== 1) throw new Error(`${found.length} of ${kind} ${name ?? ''}`);
  return found[0];
}

/** What the DaemonSet of a manifest is to be. */
export function daemonSet(objects: readonly ManifestObject[]): DaemonSetSpec {
  return find(objects, 'DaemonSet').spec as unknown as DaemonSetSpec;
}
