/**
 * Asks for one name many times at once from one socket when told to with SIGUSR2, and prints how many
 * answers came within the time. `node burst.ts ADDRESS NAME COUNT MILLISECONDS`, in a network namespace.
 */
import { createSocket } from 'node:dgram';
import { decode, encode } from 'dns-packet';

const [address, name, count, milliseconds] = process.argv.slice(2);
const answered = new Set<number | undefined>();
const socket = createSocket('udp4');
const finish = () => {
  console.log(answered.size);
  process.exit(0);
};
socket.on('message', (message) => {
  const { id, answers } = decode(message);
  if (answers?.length === 1) answered.add(id);
  if (answered.size === Number(count)) finish();
});
socket.bind(() => {
  process.once('SIGUSR2', () => {
    for (let id = 1; id <= Number(count); id++) {
      socket.send(encode({ type: 'query', id, questions: [{ type: 'A', name }] }), 53, address);
    }
    console.error('asked');
    setTimeout(finish, Number(milliseconds));
  });
  console.error('ready');
});
