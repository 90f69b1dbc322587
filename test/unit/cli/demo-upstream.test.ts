import { expect, test } from 'vitest';
import { DemoUpstream } from '../../../src/cli/demo-upstream.ts';
import { askTcp, askUdp } from '../../helpers/dns-client.ts';

const shout = (message: Buffer) => Buffer.from(message.toString().toUpperCase());

test('answers over UDP and, several at once, over TCP', async () => {
  const upstream = new DemoUpstream(shout);
  const port = await upstream.start();
  try {
    expect(await askUdp(port, Buffer.from('one'))).toEqual(Buffer.from('ONE'));
    const replies = await askTcp(port, [Buffer.from('two'), Buffer.from('three')]);
    expect(replies).toEqual([Buffer.from('TWO'), Buffer.from('THREE')]);
  } finally {
    upstream.stop();
  }
});

test('leaves out what gets no answer', async () => {
  const upstream = new DemoUpstream((message) => (message.length === 1 ? null : message));
  const port = await upstream.start();
  try {
    const queries = [Buffer.from('x'), Buffer.from('yes')];
    expect(await askTcp(port, queries, 300)).toEqual([Buffer.from('yes')]);
  } finally {
    upstream.stop();
  }
});
