import { isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseResolvConf, RESOLVED_LIST, usableServers } from '../../../src/forward/resolv-conf.ts';

describe('parseResolvConf', () => {
  it('lists servers in order, without scope', () => {
    const text = 'search a b\nnameserver 10.0.0.1\n nameserver\tfe80::1%eth0 # second\n';
    expect(parseResolvConf(text).servers).toEqual(['10.0.0.1', 'fe80::1']);
  });

  it('passes over comments, other lines and what is no address', () => {
    const text = '#nameserver 10.0.0.1\n;nameserver 10.0.0.2\nnameserver\nnameserver dns.test\n';
    expect(parseResolvConf(text).servers).toEqual([]);
  });

  it('reads the search domains of the last line that has some', () => {
    const text = 'domain old.example\nsearch eu.compute.internal corp.example\n';
    expect(parseResolvConf(text).search).toEqual(['eu.compute.internal', 'corp.example']);
  });

  it('reads the options, the last one of a name', () => {
    expect(
      parseResolvConf('options ndots:5 timeout:1\noptions rotate attempts:3 timeout:2'),
    ).toEqual({ servers: [], search: [], timeoutSeconds: 2, attempts: 3, rotate: true });
  });

  it('caps the options as resolv.conf(5) does', () => {
    expect(parseResolvConf('options timeout:99 attempts:99')).toMatchObject({
      timeoutSeconds: 30,
      attempts: 5,
    });
    expect(parseResolvConf('options timeout: attempts:x')).toMatchObject({
      timeoutSeconds: null,
      attempts: null,
    });
  });

  it('gives addresses only, whatever the text', () => {
    const line = fc.oneof(
      fc.string(),
      fc.string().map((text) => `nameserver ${text}`),
    );
    fc.assert(
      fc.property(fc.array(line), (lines) => {
        const { servers } = parseResolvConf(lines.join('\n'));
        return servers.every((server) => isIP(server) !== 0);
      }),
      { seed: 7 },
    );
  });
});

describe('usableServers', () => {
  const isOwn = (address: string) => address === '169.254.20.10';
  const none = () => {
    throw new Error('ENOENT');
  };

  it('leaves out ourselves and the stub of systemd-resolved', () => {
    expect(usableServers(['127.0.0.53', '169.254.20.10', '10.0.0.1'], isOwn, none)).toEqual({
      servers: ['10.0.0.1'],
      omitted: ['127.0.0.53', '169.254.20.10'],
      isResolvedList: false,
    });
  });

  it('takes the list of systemd-resolved when nothing is left', () => {
    const read = (path: string) => {
      expect(path).toBe(RESOLVED_LIST);
      return 'nameserver 10.0.0.2\nnameserver 169.254.20.10\n';
    };
    expect(usableServers(['127.0.0.53'], isOwn, read)).toEqual({
      servers: ['10.0.0.2'],
      omitted: ['127.0.0.53'],
      isResolvedList: true,
    });
  });

  it('is empty when there is no such list', () => {
    expect(usableServers(['127.0.0.53'], isOwn, none).servers).toEqual([]);
  });

  it('does not look at that list without need', () => {
    expect(usableServers(['127.0.0.1'], isOwn, none).servers).toEqual(['127.0.0.1']);
  });
});
