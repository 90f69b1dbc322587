/**
 * Builds the image as the Dockerfile says, without a registry: what its first two stages make comes
 * from this tree and from Debian packages, by the same scripts.
 */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const root = new URL('../../../', import.meta.url).pathname;
const NODE = realpathSync(`${root}node_modules/node/bin/node`);
const NAME = 'localhost/nodelocaldns';

export interface ImageConfig {
  readonly Entrypoint: readonly string[];
  readonly User: string;
  readonly Labels: Readonly<Record<string, string>>;
}

export class Image {
  /** Where its files are; a copy that may be written to. */
  readonly files: string;
  readonly config: ImageConfig;
  readonly #folder: string;

  private constructor(folder: string, files: string, config: ImageConfig) {
    this.#folder = folder;
    this.files = files;
    this.config = config;
  }

  static build(): Image {
    const folder = mkdtempSync(join(tmpdir(), 'nodelocaldns-image-'));
    try {
      const buildah = buildahIn(folder);
      stage(buildah, folder, 'system', []);
      stage(buildah, folder, 'app', [NODE]);
      const file = join(folder, 'Dockerfile');
      writeFileSync(file, lastStage());
      buildah('build', '--isolation=chroot', '--pull-never', '-f', file, '-t', NAME, root);
      const container = buildah('from', '--pull-never', NAME);
      const files = buildah('mount', container);
      const { OCIv1 } = JSON.parse(buildah('inspect', '--type', 'image', NAME));
      return new Image(folder, files, OCIv1.config);
    } catch (cause) {
      rmSync(folder, { recursive: true });
      throw cause;
    }
  }

  /** The octets of all its files. */
  get size(): number {
    return Number(execute('du', ['-s', '-B1', this.files]).split('\t')[0]);
  }

  read(path: string): string {
    return readFileSync(join(this.files, path), 'utf8');
  }

  /** What a program of the image writes. */
  run(...command: string[]): string {
    return execute('chroot', [this.files, ...command]);
  }

  remove(): void {
    rmSync(this.#folder, { recursive: true });
  }
}

/** The Dockerfile with ready images in the place of its first two stages. */
function lastStage(): string {
  const [, text] = readFileSync(`${root}Dockerfile`, 'utf8').split(/^(?=FROM scratch$)/m);
  return `FROM localhost/app AS app\nFROM localhost/system AS system\n${text}`;
}

type Buildah = (command: string, ...args: string[]) => string;

/** Keeps everything below a folder. Needs neither overlay mounts nor a policy of the machine's. */
function buildahIn(folder: string): Buildah {
  const policy = join(folder, 'policy.json');
  writeFileSync(policy, '{"default":[{"type":"insecureAcceptAnything"}]}');
  const store = ['--root', join(folder, 'store'), '--runroot', join(folder, 'run')];
  const withPolicy = ['build', 'commit', 'from'];
  return (command, ...args) =>
    execute('buildah', [
      ...store,
      ...['--storage-driver', 'vfs', command],
      ...(withPolicy.includes(command) ? ['--signature-policy', policy] : []),
      ...args,
    ]);
}

/** An image with the result of a stage: the folder of its name, as its script fills it. */
function stage(buildah: Buildah, folder: string, name: string, args: readonly string[]): void {
  const result = join(folder, name, name);
  mkdirSync(result, { recursive: true });
  execute(`${root}deploy/image/collect-${name}.sh`, [result, ...args]);
  const container = buildah('from', 'scratch');
  buildah('copy', container, join(folder, name), '/');
  buildah('commit', '--rm', container, `localhost/${name}`);
}

function execute(program: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(program, args, {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  });
  if (status === 0) return stdout.trim();
  throw new Error(`${program} ${args.join(' ')}: ${error?.message ?? stderr}`);
}
