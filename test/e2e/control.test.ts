import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { DaemonProcess } from '../helpers/daemon-process.ts';
import { RULES, type RunningDaemon, startDaemon } from '../helpers/running-daemon.ts';

const COREFILE = `.:{PORT} {
    errors
    cache 30
    rewrite name exact old.example a.example
    bind 127.0.0.1
    forward . 127.0.0.1:{UP}
}
`;

/** Runs a command to its end. */
async function run(...words: string[]) {
  const process = new DaemonProcess(words);
  const { status } = await process.untilExit();
  return { status, stdout: process.stdout, stderr: process.stderr };
}

/** The same, asked of `daemon`: others may run on this machine. */
function ask(daemon: RunningDaemon, ...words: string[]) {
  return run(...words, '--pid', `${daemon.process.child.pid}`);
}

async function startReady() {
  const daemon = await startDaemon({ corefile: COREFILE });
  await daemon.process.untilOutput('linux/');
  return daemon;
}

test('status shows listeners, upstreams and what was asked', async () => {
  const daemon = await startReady();
  await daemon.ask('a.example', 'A');
  const { status, stdout } = await ask(daemon, 'status', '--json');
  expect(status).toBe(0);
  const state = JSON.parse(stdout);
  expect(state).toMatchObject({
    pid: daemon.process.child.pid,
    listeners: [{ address: '127.0.0.1', port: daemon.ports.dns, zones: ['.'], received: 1 }],
    upstreams: [{ to: `127.0.0.1:${daemon.ports.upstream}`, health: 'well', sent: 1 }],
    caches: [{ successes: 1, denials: 0 }],
    interception: { held: [] },
  });
  const { stdout: text } = await ask(daemon, 'status');
  expect(text).toContain(`127.0.0.1:${daemon.ports.upstream}  well`);
});

test('explain names block, upstream and answer, then the cache', async () => {
  const daemon = await startReady();
  const explain = async () =>
    JSON.parse((await ask(daemon, 'explain', 'A.example', '--json')).stdout);
  expect(await explain()).toMatchObject({
    name: 'a.example.',
    type: 'A',
    block: { zone: '.', place: `${daemon.corefilePath}:1` },
    cached: [],
    steps: [{ to: `127.0.0.1:${daemon.ports.upstream}`, protocol: 'udp', rcode: 'NOERROR' }],
    askedInstead: [],
    rcode: 'NOERROR',
    records: ['a.example. 30 IN A 10.0.0.1'],
  });
  expect(await explain()).toMatchObject({
    cached: [{ rcode: 'NOERROR', lifetimeSeconds: 30 }],
    steps: [],
    answeredBy: 'cache',
  });
});

test('explain shows what was asked instead', async () => {
  const daemon = await startReady();
  const { stdout } = await ask(daemon, 'explain', 'old.example');
  expect(stdout).toContain('asked instead: a.example. A');
  expect(stdout).toContain('old.example. 30 IN A 10.0.0.1');
});

test('explain --no-cache asks the upstream and leaves what is cached as it is', async () => {
  const daemon = await startReady();
  await daemon.ask('a.example', 'A');
  const { stdout } = await ask(daemon, 'explain', '--no-cache', 'a.example');
  expect(stdout).toMatch(/^Cache {6}passed over: NOERROR, \d+ s old/m);
  expect(stdout).toMatch(
    /^Upstream {3}127\.0\.0\.1:\d+ over udp, .*: NOERROR \(a\.example\. A\)$/m,
  );
  expect(stdout).toMatch(/^Answer {5}NOERROR from forward in /m);
  await ask(daemon, 'explain', '--no-cache', 'old.example');
  const dumped = (await ask(daemon, 'dump')).stdout.trim().split('\n');
  expect(dumped).toHaveLength(1);
});

test('explain says no to what is no question', async () => {
  const daemon = await startReady();
  const { status, stderr } = await ask(daemon, 'explain', 'a.example', 'NOTYPE');
  expect(status).toBe(1);
  expect(stderr).toBe('"NOTYPE" is no record type\n');
});

test('dump lists what is cached, flush forgets a zone and nothing else', async () => {
  const other = { name: 'b.test.', type: 'A', reply: { answer: ['b.test. 60 IN A 10.0.0.2'] } };
  const daemon = await startDaemon({ corefile: COREFILE, rules: [...RULES, other] });
  await daemon.process.untilOutput('linux/');
  for (const name of ['a.example', 'b.test']) await daemon.ask(name, 'A');
  const names = async () => {
    const { stdout } = await ask(daemon, 'dump', '--json');
    const lines = stdout.trim().split('\n').filter(Boolean);
    return lines.map((line) => JSON.parse(line).name).sort();
  };
  expect(await names()).toEqual(['a.example.', 'b.test.']);
  expect((await ask(daemon, 'flush', 'example')).stdout).toBe('Forgot 1 answer\n');
  expect(await names()).toEqual(['b.test.']);
  expect((await ask(daemon, 'flush')).stdout).toBe('Forgot 1 answer\n');
  expect(await names()).toEqual([]);
});

test('top shows names, clients, types and suffixes of names that do not exist', async () => {
  const nobody = {
    name: 'nobody.shop.svc.cluster.local.',
    type: 'A',
    reply: { rcode: 'NXDOMAIN' },
  };
  const daemon = await startDaemon({ corefile: COREFILE, rules: [...RULES, nobody] });
  await daemon.process.untilOutput('linux/');
  const top = ask(daemon, 'top', '-n', '2', '--json');
  const asking = setInterval(() => {
    void daemon.ask('a.example', 'A');
    void daemon.ask('nobody.shop.svc.cluster.local', 'A');
  }, 50);
  const { stdout } = await top;
  clearInterval(asking);
  const view = JSON.parse(stdout.trim().split('\n').at(-1) ?? '');
  const keys = (entries: { key: string }[]) => entries.map(({ key }) => key).sort();
  expect(keys(view.names)).toEqual(['a.example.', 'nobody.shop.svc.cluster.local.']);
  expect(keys(view.clients)).toEqual(['127.0.0.1']);
  expect(keys(view.types)).toEqual(['A']);
  expect(keys(view.missingSuffixes)).toEqual(['shop.svc.cluster.local.']);
});

test('doctor finds nothing wrong with a daemon that answers, and says what it looked at', async () => {
  const daemon = await startReady();
  const { status, stdout } = await ask(daemon, 'doctor', '--json');
  const { findings } = JSON.parse(stdout) as { findings: { subject: string; level: string }[] };
  const bad = findings.filter(({ level }) => level === 'fault');
  expect(bad).toEqual([]);
  expect(status).toBeLessThan(2);
  const subjects = findings.map(({ subject }) => subject);
  for (const subject of ['daemon', 'interface', 'rules', 'conntrack', 'port', 'path', 'upstream'])
    expect(subjects).toContain(subject);
});

test('doctor names an upstream that is gone, and says what to do', async () => {
  const daemon = await startReady();
  await daemon.upstream.down();
  const { status, stdout } = await ask(daemon, 'doctor');
  expect(status).toBe(2);
  expect(stdout).toMatch(/!! +upstream +127\.0\.0\.1:\d+ does not answer\n +→ /);
});

test('without a daemon each command says so, and doctor examines all the same', async () => {
  const absent = ['--pid', '4194304'];
  const status = await run('status', ...absent);
  expect(status.status).toBe(1);
  expect(status.stderr).toMatch(/^no daemon with process ID 4194304 runs/);
  const doctor = await run('doctor', '-localip', '127.0.0.253', '-dns.port', '47', ...absent);
  expect(doctor.status).toBe(2);
  expect(doctor.stdout).toContain('nobody listens on 127.0.0.253:47');
});

test('check-config names faults with their place', async () => {
  const daemon = await startReady();
  expect(await run('check-config', daemon.corefilePath)).toMatchObject({ status: 0 });
  await daemon.writeFile('bad', '. {\n  forward\n  bogus\n}\n');
  const path = `${daemon.folder}/bad`;
  const { status, stdout } = await run('check-config', path);
  expect(status).toBe(1);
  expect(stdout.split('\n').filter(Boolean).sort()).toEqual([
    expect.stringMatching(new RegExp(`^${path}:2:3: `)),
    expect.stringMatching(new RegExp(`^${path}:3:3: `)),
  ]);
});

test('a template is filled in before it is checked', async () => {
  const daemon = await startReady();
  const template =
    '.:53 {\n  bind __PILLAR__LOCAL__DNS__\n  forward . __PILLAR__UPSTREAM__SERVERS__\n}\n';
  await daemon.writeFile('Corefile.base', template);
  const path = `${daemon.folder}/Corefile.base`;
  const { status, stdout } = await run('check-config', '-localip=127.0.0.8', path);
  expect(stdout).toContain('.:53 on 127.0.0.8');
  expect(status).toBe(0);
});

test('help lists the commands, each with help of its own', async () => {
  const { stdout } = await run('help');
  for (const name of ['doctor', 'explain', 'flush']) {
    expect(stdout).toMatch(new RegExp(`^  ${name} `, 'm'));
    const help = await run('help', name);
    expect(help.stdout).toMatch(new RegExp(`^Usage: nodelocaldns ${name} `));
    expect(help.stdout).toContain('Examples:');
  }
  expect(await run('explain')).toMatchObject({ status: 2 });
});

test.each(['plain', 'iptables', 'nftables', 'ipvs', 'cilium', 'fail-open-tun'])(
  'render gives the %s manifest with all values filled in',
  async (kind) => {
    const values = ['--kubedns', '10.96.0.10', '--image', 'registry.example/cache:1'];
    const { status, stdout } = await run('render', kind, ...values);
    expect(status).toBe(0);
    const left = stdout.replace(/^\s*#.*$/gm, '').match(/__PILLAR__\w+?__(?=\W|$)/g) ?? [];
    // What the daemon itself fills in.
    const ours = ['__PILLAR__CLUSTER__DNS__', '__PILLAR__UPSTREAM__SERVERS__'];
    expect(left.filter((placeholder) => !ours.includes(placeholder))).toEqual([]);
    expect(stdout).toContain('image: registry.example/cache:1\n');
  },
);

test('bash completes commands, their options and the flags of the daemon', async () => {
  const { stdout: script } = await run('completion');
  const complete = (...words: string[]) => {
    const list = words.map((word) => `'${word}'`).join(' ');
    const asked = `COMP_WORDS=(nodelocaldns ${list}); COMP_CWORD=${words.length}; _nodelocaldns; echo "\${COMPREPLY[@]}"`;
    return spawnSync('bash', ['-c', `${script}\n${asked}`], { encoding: 'utf8' }).stdout.trim();
  };
  expect(complete('ex')).toBe('explain');
  expect(complete('explain', '--f')).toBe('--from');
  expect(complete('-locali')).toBe('-localip');
  expect(complete('doctor', '-leas')).toBe('-lease');
});
