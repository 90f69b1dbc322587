/**
 * How a new instance takes an address from the one before it: all sockets of the address share it
 * (SO_REUSEPORT), and a program of one instruction tells the kernel which of them gets what is new.
 */
import { type Libc, SO_ATTACH_REUSEPORT_CBPF, SOL_SOCKET } from '../sockets/libc.ts';
import type { ListenTarget } from './listen-error.ts';
import { listSockets } from './socket-owner.ts';

/** `BPF_RET | BPF_K` of classic BPF: return the constant. */
const RETURN_CONSTANT = 0x06;
/** Octets of a struct sock_filter and of a struct sock_fprog. */
const INSTRUCTION_LENGTH = 8;
const PROGRAM_LENGTH = 16;

/** A listening socket and what it listens on. */
export interface TakenSocket extends ListenTarget {
  readonly fd: number;
}

/**
 * Sends all new datagrams or connections of an address to this socket, away from the others there.
 * To be called right after the socket was opened (TCP: after `listen`), while it is the last one of
 * its group. What the others have received stays theirs.
 *
 * When one of two closes, the number is out of range and the kernel goes back to its own choice,
 * which is the one that is left. With three or more, call it again from the youngest.
 *
 * @returns false when there is no other socket, or the kernel refused: then it shares as before
 */
export function takeOver(socket: TakenSocket, libc: Libc): boolean {
  const last = listSockets(socket).length - 1;
  if (last < 1) return false;
  const instruction = Buffer.alloc(INSTRUCTION_LENGTH);
  instruction.writeUInt16LE(RETURN_CONSTANT, 0);
  instruction.writeUInt32LE(last, 4);
  const program = Buffer.alloc(PROGRAM_LENGTH);
  program.writeUInt16LE(1, 0);
  program.writeBigUInt64LE(BigInt(libc.addressOf(instruction)), 8);
  const { fd } = socket;
  return libc.setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, program, program.length) === 0;
}
