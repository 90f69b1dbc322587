/**
 * Runs all tests that this machine can run, and says at the end what ran, what did not, and why.
 * `npm test` calls it after the checks and the build.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, relative } from 'node:path';

/** Tests that run together. */
interface Suite {
  readonly name: string;
  /** Programs that must be on the PATH. */
  readonly tools: readonly string[];
  readonly needsRoot: boolean;
  /** A command that writes vitest's JSON report to `reportPath`. */
  command(reportPath: string): readonly string[];
}

/** How a suite went. */
interface Outcome {
  readonly name: string;
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  /** Why it did not run, or did not come to an end; '' otherwise. */
  readonly reason: string;
  /** Name and first line of the message of each failed test, and of each file that could not be run. */
  readonly failures: readonly string[];
}

/** What is used of vitest's JSON report. */
interface Report {
  readonly numPassedTests: number;
  readonly numFailedTests: number;
  readonly numPendingTests: number;
  readonly numTodoTests: number;
  /** Not there when no kernel of uml.sh came to an end. */
  readonly testResults?: readonly {
    readonly name: string;
    readonly status: string;
    readonly message?: string;
    readonly assertionResults: readonly {
      readonly fullName: string;
      readonly status: string;
      readonly failureMessages?: readonly string[];
    }[];
  }[];
}

const HOST_TOOLS = ['ip', 'iptables', 'iptables-save', 'conntrack', 'nsd', 'dig', 'musl-gcc'];

const SUITES: readonly Suite[] = [
  {
    name: 'unit, golden and end to end',
    tools: [],
    needsRoot: false,
    command: (reportPath) => vitest('vitest.config.ts', reportPath),
  },
  {
    name: 'host: network namespaces',
    tools: HOST_TOOLS,
    needsRoot: true,
    command: (reportPath) => vitest('vitest.host.config.ts', reportPath),
  },
  {
    name: 'host: a kernel with the dummy driver',
    tools: [...HOST_TOOLS, 'linux.uml'],
    needsRoot: true,
    command: (reportPath) => ['bash', 'test/host/uml.sh', reportPath],
  },
  {
    name: 'faults',
    tools: HOST_TOOLS,
    needsRoot: false,
    command: (reportPath) => [
      ...['env', 'FAULTS=short'],
      ...vitest('vitest.faults.config.ts', reportPath, 'short', 'flood', 'replaced-pods'),
    ],
  },
  {
    name: 'deploy: manifests',
    tools: ['kubectl'],
    needsRoot: false,
    command: (reportPath) => vitest('vitest.deploy.config.ts', reportPath, 'deploy/manifests'),
  },
  {
    name: 'deploy: alerts and dashboard',
    tools: ['prometheus', 'promtool'],
    needsRoot: false,
    command: (reportPath) => vitest('vitest.deploy.config.ts', reportPath, 'deploy/monitoring'),
  },
  {
    name: 'deploy: image and switch',
    tools: [...HOST_TOOLS, 'buildah', 'runc', 'strip', 'apt-get', 'kubectl'],
    needsRoot: true,
    command: (reportPath) => vitest('vitest.deploy.config.ts', reportPath, 'deploy/node'),
  },
];

const NOTHING = { passed: 0, failed: 0, skipped: 0, failures: [] };

const root = new URL('..', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'nodelocaldns-test-'));
const outcomes = SUITES.map((suite, index) => run(suite, join(folder, `${index}.json`)));
rmSync(folder, { recursive: true });
report(outcomes);

function vitest(config: string, reportPath: string, ...filter: string[]): string[] {
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${reportPath}`];
  return ['vitest', 'run', '--config', config, ...reporters, ...filter];
}

function run(suite: Suite, reportPath: string): Outcome {
  console.log(`\n── ${suite.name}`);
  const reason = reasonNotToRun(suite);
  if (reason !== '') {
    console.log(`not run: ${reason}`);
    return { ...NOTHING, name: suite.name, skipped: 1, reason: `not run: ${reason}` };
  }
  const [program, ...args] = suite.command(reportPath);
  const { status, error } = spawnSync(program, args, { cwd: root, stdio: 'inherit' });
  if (!existsSync(reportPath)) {
    const cause = error?.message ?? `exit status ${status}`;
    return { ...NOTHING, name: suite.name, failed: 1, reason: `no report: ${cause}` };
  }
  const report: Report = JSON.parse(readFileSync(reportPath, 'utf8'));
  const { numPassedTests, numFailedTests, numPendingTests, numTodoTests } = report;
  // A file that cannot be loaded, or an error outside a test, fails the run without a failed test.
  const failedOutside = status !== 0 && numFailedTests === 0;
  return {
    name: suite.name,
    passed: numPassedTests,
    failed: failedOutside ? 1 : numFailedTests,
    skipped: numPendingTests + numTodoTests,
    reason: failedOutside ? `exit status ${status} though no test failed` : '',
    failures: failuresIn(report),
  };
}

function failuresIn({ testResults = [] }: Report): string[] {
  return testResults.flatMap(({ name, status, message, assertionResults }) => {
    const file = relative(root, name);
    const failed = assertionResults.filter((result) => result.status === 'failed');
    if (failed.length === 0 && status === 'failed') return [`${file}: ${firstLine(message)}`];
    return failed.map(
      ({ fullName, failureMessages }) => `${file}: ${fullName}: ${firstLine(failureMessages?.[0])}`,
    );
  });
}

function firstLine(text = ''): string {
  return text.trim().split('\n')[0];
}

function reasonNotToRun(suite: Suite): string {
  if (suite.needsRoot && process.getuid?.() !== 0) return 'needs root';
  const missing = suite.tools.filter((tool) => !isOnPath(tool));
  return missing.length === 0 ? '' : `${missing.join(', ')} not found`;
}

function isOnPath(tool: string): boolean {
  return (process.env.PATH ?? '').split(delimiter).some((path) => {
    try {
      accessSync(join(path, tool), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/**
 * Failed tests one a line, as often no more than the end of the output is seen. The last line holds
 * the totals. A suite that did not run counts as one skipped.
 */
function report(all: readonly Outcome[]): void {
  console.log('\n── summary');
  for (const { name, reason, ...counts } of all) {
    console.log(`${name}: ${countsText(counts)}${reason === '' ? '' : ` (${reason})`}`);
  }
  for (const { failures } of all) for (const failure of failures) console.log(`FAILED ${failure}`);
  const sum = (key: 'passed' | 'failed' | 'skipped') =>
    all.reduce((total, outcome) => total + outcome[key], 0);
  const total = { passed: sum('passed'), failed: sum('failed'), skipped: sum('skipped') };
  console.log(countsText(total));
  process.exitCode = total.failed === 0 ? 0 : 1;
}

function countsText(counts: Pick<Outcome, 'passed' | 'failed' | 'skipped'>): string {
  return `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`;
}
