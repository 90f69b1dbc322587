import { describe, expect, test } from 'vitest';
import { sendMessages, type UdpEndpoint } from '../../../src/server/udp-endpoint.ts';
import { EAGAIN, EIO, type Libc } from '../../../src/sockets/libc.ts';
import { Outgoing } from '../../../src/sockets/outgoing.ts';
import { HEADER_STRIDE, packetLayout } from '../../../src/sockets/packet-layout.ts';

const EPERM = 1;
const SLOTS = 8;

/** A kernel that takes so many messages per call, or refuses with an error. */
function send(
  count: number,
  results: { sent?: number; errno?: number }[],
  { isSegmenting = false } = {},
) {
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
  const layout = packetLayout(SLOTS);
  const outgoing = new Outgoing(new Uint32Array(layout.length / 4), 0, layout);
  outgoing.isSegmenting = isSegmenting;
  outgoing.shape(16, 0);
  for (let slot = 0; slot < count; slot++) outgoing.add(slot, 100);
  let errno = 0;
  const libc: Pick<Libc, 'sendmmsg' | 'sendmsg' | 'errno'> = {
    // Sends octets, not messages.
    sendmsg: (fd, header, flags) => libc.sendmmsg(fd, header, 1, flags) * 100,
    sendmmsg(_fd, headers, left) {
      calls.push({ first: (headers - outgoing.headers) / HEADER_STRIDE, count: left });
      const result = results.shift() ?? {};
      errno = result.errno ?? 0;
      return result.sent ?? -1;
    },
    errno: () => errno,
  };
  sendMessages(endpoint, outgoing, libc);
  return { calls, unsent: endpoint.counters.unsent, isSegmenting: outgoing.isSegmenting };
}

describe('sendMessages', () => {
  test('sends all with one call where the kernel takes them', () => {
    expect(send(5, [{ sent: 5 }])).toMatchObject({ calls: [{ first: 0, count: 5 }], unsent: 0 });
  });

  test('goes on behind what a partial call sent', () => {
    expect(send(5, [{ sent: 2 }, { sent: 3 }])).toMatchObject({
      calls: [
        { first: 0, count: 5 },
        { first: 2, count: 3 },
      ],
      unsent: 0,
    });
  });

  test('leaves out the one message that is refused', () => {
    expect(send(5, [{ sent: 2 }, { errno: EPERM }, { sent: 2 }])).toMatchObject({
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

  test('counts every datagram of the messages that find no room', () => {
    expect(send(5, [{ errno: EAGAIN }], { isSegmenting: true })).toMatchObject({
      calls: [{ first: 0, count: 1 }],
      unsent: 5,
    });
  });

  test.each([
    [EPERM, true],
    [EIO, false],
  ])('sends each alone where the kernel refuses them as one with errno %i', (errno, still) => {
    expect(send(3, [{ errno }, { sent: 2 }, { errno: EPERM }], { isSegmenting: true })).toEqual({
      calls: [
        { first: 0, count: 1 },
        { first: 0, count: 3 },
        { first: 2, count: 1 },
      ],
      unsent: 1,
      isSegmenting: still,
    });
  });
});
