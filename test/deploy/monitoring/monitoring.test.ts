/** Alerts and dashboards ask for what the daemon shows, and Prometheus understands them. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { dashboards, dashboardText } from '../../../scripts/render-dashboards.ts';
import { type RunningDaemon, startDaemon } from '../../helpers/running-daemon.ts';
import { missingIn, seriesOf } from './expression.ts';
import { Prometheus } from './prometheus.ts';

const deploy = new URL('../../../deploy/', import.meta.url).pathname;
const ALERTS = `${deploy}prometheus/alerts.yaml`;

/** Beside a block that works, what alerts are for: a loop, and an upstream that is not there. */
const COREFILE = `.:{PORT} {
    errors
    cache 30 {
        serve_stale
        prefetch 1
    }
    loop
    bind 127.0.0.1
    forward . 127.0.0.1:{UP}
    prometheus 127.0.0.1:{METRICS}
    health 127.0.0.1:{HEALTH}
}
loop.example:{PORT} {
    errors
    cache 30
    loop
    bind 127.0.0.1
    forward . 127.0.0.1:{PORT}
    prometheus 127.0.0.1:{METRICS}
}
dead.example:{PORT} {
    errors
    cache 30
    bind 127.0.0.1
    forward . 127.0.0.1:1
    prometheus 127.0.0.1:{METRICS}
}
tcp.example:{PORT} {
    cache 30
    bind 127.0.0.1
    forward . 127.0.0.1:{UP} {
        force_tcp
    }
    prometheus 127.0.0.1:{METRICS}
}
`;

/** Metrics of the dashboards, alerts and habits that are public (user-needs §2), with their labels. */
const PUBLIC: Readonly<Record<string, string>> = {
  coredns_build_info: 'version revision goversion',
  coredns_dns_requests_total: 'server zone view proto family type',
  coredns_dns_responses_total: 'server zone view rcode plugin',
  coredns_dns_request_duration_seconds_bucket: 'server zone view le',
  coredns_dns_request_size_bytes_bucket: 'server zone view proto le',
  coredns_dns_response_size_bytes_bucket: 'server zone view proto le',
  coredns_dns_do_requests_total: 'server zone view',
  coredns_cache_entries: 'server type zones view',
  coredns_cache_hits_total: 'server type zones view',
  coredns_cache_misses_total: 'server zones view',
  coredns_cache_requests_total: 'server zones view',
  coredns_proxy_request_duration_seconds_bucket: 'proxy_name to rcode le',
  coredns_proxy_healthcheck_failures_total: 'proxy_name to',
  coredns_proxy_conn_cache_hits_total: 'proxy_name to proto',
  coredns_proxy_conn_cache_misses_total: 'proxy_name to proto',
  coredns_forward_healthcheck_broken_total: '',
  coredns_forward_max_concurrent_rejects_total: '',
  coredns_forward_requests_total: 'to',
  coredns_forward_responses_total: 'to rcode',
  coredns_forward_request_duration_seconds_bucket: 'to rcode le',
  coredns_forward_healthcheck_failures_total: 'to',
  coredns_health_request_duration_seconds_bucket: 'le',
  coredns_health_request_failures_total: '',
  coredns_reload_failed_total: '',
  coredns_panics_total: '',
  coredns_plugin_enabled: 'server zone view name',
  coredns_nodecache_setup_errors_total: 'errortype',
  process_resident_memory_bytes: '',
  process_cpu_seconds_total: '',
  process_open_fds: '',
  process_max_fds: '',
  process_start_time_seconds: '',
  go_goroutines: '',
};

async function startLoaded(): Promise<RunningDaemon> {
  const record = { answer: ['* 2 IN A 10.0.0.1'] };
  const names = ['a.example', 'b.example', 'x.tcp.example'];
  const rules = names.map((name) => ({
    name: `${name}.`,
    type: 'A' as const,
    reply: {
      answer: record.answer.map((line) => line.replace('*', `${name}.`)),
    },
  }));
  return startDaemon({ corefile: COREFILE, rules });
}

/** Hits, misses, names that are not there, and what is sure to fail, over and over. */
async function load(daemon: RunningDaemon, rounds: number): Promise<void> {
  for (let i = 0; i < rounds; i++) {
    await daemon.ask('a.example', 'A');
    await daemon.ask('b.example', 'A', { transport: 'tcp', do: true });
    await daemon.ask(`no${i}.example`, 'AAAA');
    await daemon.ask(`x${i}.dead.example`, 'A');
    await daemon.ask(`x${i}.loop.example`, 'A');
    await daemon.ask('x.tcp.example', 'A');
    await daemon.ask(`y${i}.tcp.example`, 'A');
  }
}

/** Every expression of both dashboards, by panel. */
function panelExpressions(): [string, string][] {
  return Object.entries(dashboards).flatMap(([file, { panels }]) =>
    (panels as { title: string; targets?: { expr: string }[] }[]).flatMap(
      ({ title, targets = [] }) =>
        targets.map(({ expr }) => [`${file} ${title}`, expr] as [string, string]),
    ),
  );
}

/** The queries of the table of questions in docs/metrics.md, by question. */
function documentedQueries(): [string, string][] {
  const text = readFileSync(new URL('../../../docs/metrics.md', import.meta.url), 'utf8');
  const [, rest] = text.split('| Question | Query |');
  const rows = rest.split('\n\n', 1)[0].split('\n').slice(2);
  return rows.flatMap((row) => {
    const [, question, cell] = row.split(/(?<!\\)\|/);
    const queries = [...cell.matchAll(/`([^`]+)`/g)].map(([, query]) => query);
    return queries.map((query): [string, string] => [
      question.trim(),
      query.replaceAll('\\|', '|'),
    ]);
  });
}

function promtool(...args: string[]): string {
  const { status, stdout, stderr, error } = spawnSync('promtool', args, { encoding: 'utf8' });
  if (status === null) throw error;
  return status === 0 ? 'good' : stdout + stderr;
}

test('promtool takes the alerts, and they fire when they should', () => {
  expect(promtool('check', 'rules', ALERTS)).toBe('good');
  expect(promtool('test', 'rules', `${deploy}prometheus/alerts.test.yaml`)).toBe('good');
});

test('every alert is fired in these tests', () => {
  const names = [...readFileSync(ALERTS, 'utf8').matchAll(/- alert: (\w+)/g)].map(
    ([, name]) => name,
  );
  const tested = readFileSync(`${deploy}prometheus/alerts.test.yaml`, 'utf8');
  expect(
    names.filter((name) => !tested.includes(`alertname: ${name}\n        exp_alerts:`)),
  ).toEqual([]);
});

test('every alert is explained', () => {
  const guide = readFileSync(new URL('../../../docs/troubleshooting.md', import.meta.url), 'utf8');
  const names = [...readFileSync(ALERTS, 'utf8').matchAll(/- alert: (\w+)/g)].map(
    ([, name]) => name,
  );
  expect(names.filter((name) => !guide.includes(`\`${name}\``))).toEqual([]);
});

test('deploy/grafana holds what the lists of panels come to', () => {
  for (const [file, dashboard] of Object.entries(dashboards)) {
    const kept = readFileSync(`${deploy}grafana/${file}`, 'utf8');
    expect(kept, 'run scripts/render-dashboards.ts').toBe(dashboardText(dashboard));
  }
});

test('a loaded daemon shows all metrics and labels that dashboards and alerts ask for', async () => {
  const daemon = await startLoaded();
  await load(daemon, 5);
  const prometheus = await Prometheus.start(daemon.ports.metrics, ALERTS);
  onTestFinished(() => prometheus.stop());
  const series = seriesOf(await daemon.scrape());
  for (const [place, expression] of panelExpressions()) {
    expect(missingIn(series, expression), place).toEqual([]);
  }
  for (const { name, query } of await prometheus.rules()) {
    expect(missingIn(series, query), name).toEqual([]);
  }
  const documented = documentedQueries();
  expect(documented.length).toBeGreaterThan(15);
  for (const [question, query] of documented) {
    expect(missingIn(series, query), question).toEqual([]);
    await expect(prometheus.query(query), question).resolves.toBeInstanceOf(Array);
  }
  for (const [metric, labels] of Object.entries(PUBLIC)) {
    expect(series.has(metric), metric).toBe(true);
    expect([...(series.get(metric) ?? [])].toSorted().join(' ')).toBe(
      labels.split(' ').toSorted().join(' '),
    );
  }
});

test('Prometheus has a value for every panel, and evaluates every alert', async () => {
  const daemon = await startLoaded();
  const prometheus = await Prometheus.start(daemon.ports.metrics, ALERTS);
  onTestFinished(() => prometheus.stop());
  await load(daemon, 10);
  for (const [place, expression] of panelExpressions()) {
    const query = expression
      .replaceAll('$job', 'node-local-dns')
      .replaceAll('$instance', '.+')
      .replaceAll('$__rate_interval', '1m');
    await expect
      .poll(() => prometheus.query(query), { message: `${place}: ${query}`, timeout: 10_000 })
      .not.toEqual([]);
  }
  for (const rule of await prometheus.rules()) {
    expect(rule).toMatchObject({ health: 'ok' });
  }
});
