import { existsSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import { encodeQuestion, showReply } from '../golden/message-text.ts';
import { DaemonProcess } from '../helpers/daemon-process.ts';
import { askUdp } from '../helpers/dns-client.ts';

test('the demo answers what it tells people to ask, and ends with Ctrl-C', async () => {
  const demo = new DaemonProcess(['demo']);
  onTestFinished(async () => void (await demo.stop()));
  await demo.untilOutput('Stop with Ctrl-C.');
  const port = Number(/dig @127\.0\.0\.1 -p (\d+)/.exec(demo.stdout)?.[1]);
  const ask = async (name: string, type: string) =>
    showReply(await askUdp(port, encodeQuestion({ name, type }, 1)));
  expect(await ask('kubernetes.default.svc.cluster.local', 'A')).toMatchObject({
    rcode: 'NOERROR',
    answer: ['kubernetes.default.svc.cluster.local 30 IN A 10.96.0.1'],
  });
  expect(await ask('10.0.96.10.in-addr.arpa', 'PTR')).toMatchObject({
    answer: ['10.0.96.10.in-addr.arpa 30 IN PTR kube-dns.kube-system.svc.cluster.local'],
  });
  const metrics = /Metrics: (\S+)/.exec(demo.stdout)?.[1] ?? '';
  expect(await (await fetch(metrics)).text()).toContain('coredns_cache_misses_total{');
  const health = /Health: +(\S+)/.exec(demo.stdout)?.[1] ?? '';
  expect(await (await fetch(health)).text()).toBe('OK');
  expect(demo.output).not.toContain('making the Corefile');
  const folder = /(\/\S*nodelocaldns-demo-\w+)\//.exec(demo.output)?.[1] ?? '';
  expect(existsSync(folder)).toBe(true);
  expect(await demo.stop('SIGINT')).toEqual({ status: 0, signal: null });
  expect(existsSync(folder)).toBe(false);
});
