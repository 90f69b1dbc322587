import { describe, expect, test } from 'vitest';
import { sendMessages, type UdpEndpoint } from '../../../src/server/udp-endpoint.ts';
import { EAGAIN, type Libc } from '../../../src/sockets/libc.ts';
import { HEADER_STRIDE } from '../../../src/sockets/packet-memory.ts';

const EPERM = 1;
const START = 1000;

/** A kernel that takes so many messages per call, or refuses with an error. */
function send(count: number, results: { sent?: number; errno?: number }[]) {
  const calls: { first: number; count: number }[] = [];
  const endpoint: UdpEndpoint = {
    fd: 3,
    localAddress: '',
    localPort: 53,
    nameLength: 16,
    controlLength: 0,
    counters: { unsent: 0 },
    isOpen: true,
  };
  let errno = 0;
  const libc: Pick<Libc, 'sendmmsg' | 'errno'> = {
    sendmmsg(_fd, headers, left) {
      calls.push({ first: (headers - START) / HEADER_STRIDE, count: left });
      const result = results.shift() ?? {};
      errno = result.errno ?? 0;
      return result.sent ?? -1;
    },
    errno: () => errno,
  };
  sendMessages(endpoint, START, count, libc);
  return { calls, unsent: endpoint.counters.unsent };
}

describe('sendMessages', () => {
  test('sends all with one call where the kernel takes them', () => {
    expect(send(5, [{ sent: 5 }])).toEqual({ calls: [{ first: 0, count: 5 }], unsent: 0 });
  });

  test('goes on behind what a partial call sent', () => {
    expect(send(5, [{ sent: 2 }, { sent: 3 }])).toEqual({
      calls: [
        { first: 0, count: 5 },
        { first: 2, count: 3 },
      ],
      unsent: 0,
    });
  });

  test('leaves out the one message that is refused', () => {
    expect(send(5, [{ sent: 2 }, { errno: EPERM }, { sent: 2 }])).toEqual({
      calls: [
        { first: 0, count: 5 },
        { first: 2, count: 3 },
        { first: 3, count: 2 },
      ],
      unsent: 1,
    });
  });

  test('gives up on the rest when the send buffer is full', () => {
    expect(send(5, [{ sent: 2 }, { errno: EAGAIN }])).toMatchObject({ unsent: 3 });
  });
});
