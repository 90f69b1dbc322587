/**
 * `multisocket [NUMBER]`: several sockets for each address, in CoreDNS one for each thread. One
 * thread reads ours, many datagrams with one system call, so more sockets would bring nothing.
 */
import { checkCount, readInteger, unknownOption } from '../config/values.ts';
import type { Directive } from './directive.ts';

const SOCKETS = { min: 1, max: 1024 };

export const multisocket: Directive<null> = {
  name: 'multisocket',
  repeatable: false,
  parse([{ name, args, lines }]) {
    checkCount(name, args, { min: 0, max: 1 });
    if (lines.length > 0) throw unknownOption('multisocket', lines[0].words[0]);
    for (const word of args) readInteger(word, SOCKETS);
    return null;
  },
  service(_options, { log }) {
    log.forPlugin('multisocket').info('one socket per address is used: there is one thread');
  },
};
