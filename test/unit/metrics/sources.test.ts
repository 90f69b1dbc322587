import { expect, test } from 'vitest';
import { showBuildInfo } from '../../../src/metrics/build-info.ts';
import { Catalogue } from '../../../src/metrics/catalogue.ts';
import { expose } from '../../../src/metrics/exposition.ts';
import { Histogram, TIME_BOUNDS } from '../../../src/metrics/histogram.ts';
import { showLegacyForward } from '../../../src/metrics/legacy-forward.ts';
import { showSetupErrors } from '../../../src/metrics/setup-errors.ts';

test('every type of setup error is there with 0 from the start', async () => {
  const catalogue = new Catalogue();
  const counts = { iptables: 0, iptablesLock: 0, interfaceAdd: 0, interfaceCheck: 0, configmap: 0 };
  showSetupErrors(catalogue, counts);
  counts.iptablesLock = 2;
  const text = await expose(catalogue);
  expect(text.split('\n').filter((line) => line.startsWith('coredns_nodecache'))).toEqual([
    'coredns_nodecache_setup_errors_total{errortype="configmap"} 0',
    'coredns_nodecache_setup_errors_total{errortype="interface_add"} 0',
    'coredns_nodecache_setup_errors_total{errortype="interface_check"} 0',
    'coredns_nodecache_setup_errors_total{errortype="iptables"} 0',
    'coredns_nodecache_setup_errors_total{errortype="iptables_lock"} 2',
  ]);
});

test('the build names its version, its revision and the runtime', async () => {
  const catalogue = new Catalogue();
  showBuildInfo(catalogue, { version: '1.2.3', revision: '' });
  expect(await expose(catalogue)).toContain(
    `coredns_build_info{goversion="node${process.versions.node}",revision="",version="1.2.3"} 1\n`,
  );
});

test("forward's old metrics say the same as those of its proxies", async () => {
  const catalogue = new Catalogue();
  showLegacyForward(catalogue);
  const durations = new Histogram(TIME_BOUNDS);
  durations.observeMany(0.001, 3);
  const failed = new Histogram(TIME_BOUNDS);
  failed.observe(2);
  const to = '10.96.0.50:53';
  catalogue.source('coredns_proxy_request_duration_seconds', (emit) => {
    emit({ proxy_name: 'forward', to, rcode: 'NOERROR' }, durations);
    emit({ proxy_name: 'forward', to, rcode: 'SERVFAIL' }, failed);
    emit({ proxy_name: 'grpc', to, rcode: 'NOERROR' }, durations);
  });
  catalogue.source('coredns_proxy_healthcheck_failures_total', (emit) =>
    emit({ proxy_name: 'forward', to }, 7),
  );
  const text = await expose(catalogue);
  for (const line of [
    `coredns_forward_requests_total{to="${to}"} 4`,
    `coredns_forward_responses_total{rcode="NOERROR",to="${to}"} 3`,
    `coredns_forward_responses_total{rcode="SERVFAIL",to="${to}"} 1`,
    `coredns_forward_request_duration_seconds_bucket{rcode="NOERROR",to="${to}",le="0.001"} 3`,
    `coredns_forward_request_duration_seconds_count{rcode="SERVFAIL",to="${to}"} 1`,
    `coredns_forward_healthcheck_failures_total{to="${to}"} 7`,
  ]) {
    expect(text).toContain(`${line}\n`);
  }
});
