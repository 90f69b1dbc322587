/** What a TcpConnection asks of its socket; made by koffi or by node:net. */
import type { Endpoint } from '../sockets/socket-address.ts';

export interface TcpStream {
  readonly remote: Endpoint;
  readonly local: Endpoint;
  /** The client without its port, in any form: connections of one client have equal keys. */
  readonly clientKey: string;
  /** Octets that the kernel has not taken yet. */
  readonly unsentOctets: number;
  /** Sends the first `length` octets of `output`, which may be changed afterwards. */
  write(output: Buffer, length: number): void;
  /** Goes on or pauses with giving `receive` what comes. */
  setReading(isReading: boolean): void;
  /** Gives `receive` what the kernel holds already, as far as that can be known. */
  readArrived(): void;
  /** Closes at once; nothing is called afterwards. */
  close(): void;
}

/** What a stream tells the one who uses it. */
export interface TcpStreamUser {
  /** Takes the first `length` octets of `chunk`, which is used again afterwards. */
  receive(chunk: Buffer, length: number): void;
  /** The other side has sent its last octet. */
  onEnd(): void;
  /** All that was written is with the kernel. */
  onDrain(): void;
  /** The stream broke. `close` is still to be called. */
  onBroken(): void;
}
