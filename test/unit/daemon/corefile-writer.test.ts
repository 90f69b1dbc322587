import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { CorefileWriter } from '../../../src/daemon/corefile-writer.ts';
import { createSetupErrors } from '../../../src/host/setup-errors.ts';
import { Log } from '../../../src/log/log.ts';

const TEMPLATE = 'cluster.local:53 {\n    forward . __PILLAR__CLUSTER__DNS__\n}\n';
const FILLED = TEMPLATE.replace('__PILLAR__CLUSTER__DNS__', '10.96.0.11');

let folder = '';
let writer: CorefileWriter;
let counters = createSetupErrors();
const lines: string[] = [];
const check = vi.fn<(text: string) => void>();
const onWritten = vi.fn();
const onRefused = vi.fn();

const at = (name: string) => join(folder, name);
const write = (name: string, text: string) => writeFileSync(at(name), text);
const corefile = () => readFileSync(at('Corefile'), 'utf8');
const stubs = (domain: string) => JSON.stringify({ [domain]: ['10.1.2.3'] });

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'writer-'));
  counters = createSetupErrors();
  lines.length = 0;
  vi.resetAllMocks();
  vi.useFakeTimers();
  make({ kubeDnsFolderGiven: false });
});
afterEach(() => {
  writer.stop();
  vi.useRealTimers();
  rmSync(folder, { recursive: true });
});

function make({ kubeDnsFolderGiven }: { kubeDnsFolderGiven: boolean }): void {
  writer = new CorefileWriter(
    {
      templatePath: at('Corefile.base'),
      corefilePath: at('Corefile'),
      kubeDnsFolder: at('kube-dns'),
      kubeDnsFolderGiven,
      dnsPort: 53,
      values: {
        localAddresses: ['169.254.20.10'],
        upstreamAddress: '10.96.0.11',
        upstreamVariable: 'KUBE_DNS_SERVICE_HOST',
        prometheusAddress: ':9253',
      },
    },
    { log: new Log((line) => lines.push(line)), counters, check, onWritten, onRefused },
  );
}

describe('at the start', () => {
  test('the Corefile is made from the template, and nobody is told to reload', async () => {
    write('Corefile.base', TEMPLATE);
    await writer.start();
    expect(corefile()).toBe(FILLED);
    expect(counters.configmap).toBe(0);
    expect(onWritten).not.toHaveBeenCalled();
  });

  test('a fault of the template is thrown', async () => {
    write('Corefile.base', TEMPLATE.replace('CLUSTER', 'NEW'));
    await expect(writer.start()).rejects.toMatchObject({ code: 'placeholder' });
  });

  test('without a template the Corefile stays as it is', async () => {
    write('Corefile', 'mounted');
    await writer.start();
    expect(corefile()).toBe('mounted');
    expect(counters.configmap).toBe(1);
  });

  test.each([
    ['no JSON', '{', 'kube-dns ConfigMap: stubDomains: SyntaxError'],
    [
      'a zone of the template',
      stubs('cluster.local'),
      'the Corefile serves "cluster.local" itself',
    ],
  ])('a ConfigMap with %s is left out, and said', async (_what, text, reason) => {
    write('Corefile.base', TEMPLATE);
    mkdirSync(at('kube-dns'));
    write('kube-dns/stubDomains', text);
    await writer.start();
    expect(corefile()).toBe(FILLED);
    expect(lines[0]).toContain(reason);
    expect(counters.configmap).toBe(1);
    write('kube-dns/stubDomains', stubs('acme.example'));
    await writer.look();
    expect(corefile()).toContain('\nacme.example:53 {\n');
  });

  test('a ConfigMap that somebody asked for and is not there is a fault', async () => {
    write('Corefile.base', TEMPLATE);
    make({ kubeDnsFolderGiven: true });
    await writer.start();
    expect(lines[0]).toContain('ENOENT');
    expect(corefile()).toBe(FILLED);
  });
});

describe('later', () => {
  beforeEach(async () => {
    write('Corefile.base', TEMPLATE);
    await writer.start();
  });
  /** Lets the poll look, and what it finds be worked on. */
  const poll = async () => {
    await vi.advanceTimersByTimeAsync(10_000);
    vi.useRealTimers();
    await writer.look();
  };

  test('a change is written, and told once', async () => {
    write('Corefile.base', `# new\n${TEMPLATE}`);
    await poll();
    expect(corefile()).toBe(`# new\n${FILLED}`);
    expect(onWritten).toHaveBeenCalledTimes(1);
  });

  test('what would be refused is not written', async () => {
    check.mockImplementation(() => {
      throw new Error('Corefile:1:1: no');
    });
    write('Corefile.base', `# new\n${TEMPLATE}`);
    await writer.look();
    expect(check).toHaveBeenCalledWith(`# new\n${FILLED}`);
    expect(corefile()).toBe(FILLED);
    expect(lines.at(-1)).toBe(
      `[ERROR] making the Corefile: ${at('Corefile.base')} leads to a Corefile that is refused: Corefile:1:1: no`,
    );
    expect(counters.configmap).toBe(1);
    expect(onRefused).toHaveBeenCalledTimes(1);
    check.mockReset();
    await writer.look();
    expect(corefile()).toBe(`# new\n${FILLED}`);
  });

  test('a ConfigMap that goes takes its stub domains with it; a wrong one leaves them', async () => {
    mkdirSync(at('kube-dns'));
    write('kube-dns/stubDomains', stubs('acme.example'));
    await writer.look();
    const before = corefile();
    expect(before).toContain('acme.example:53');
    write('kube-dns/stubDomains', '{"acme.example": []}');
    write('Corefile.base', `# new\n${TEMPLATE}`);
    await writer.look();
    expect(corefile()).toBe(`# new\n${before}`);
    expect(onRefused).toHaveBeenCalledTimes(1);
    rmSync(at('kube-dns'), { recursive: true });
    await writer.look();
    expect(corefile()).toBe(`# new\n${FILLED}`);
  });

  test('a template that goes leaves the Corefile', async () => {
    rmSync(at('Corefile.base'));
    await writer.look();
    expect(corefile()).toBe(FILLED);
    expect(onRefused).toHaveBeenCalledTimes(1);
  });

  test('a Corefile that cannot be written is a fault, and is tried again', async () => {
    rmSync(at('Corefile'));
    mkdirSync(at('Corefile'));
    write('Corefile.base', `# new\n${TEMPLATE}`);
    await writer.look();
    expect(counters.configmap).toBe(1);
    rmSync(at('Corefile'), { recursive: true });
    await writer.look();
    expect(corefile()).toBe(`# new\n${FILLED}`);
  });
});
