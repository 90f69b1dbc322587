import { expect, test } from 'vitest';
import { showBuildInfo } from '../../../src/metrics/build-info.ts';
import { Catalogue } from '../../../src/metrics/catalogue.ts';
import { expose } from '../../../src/metrics/exposition.ts';
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
