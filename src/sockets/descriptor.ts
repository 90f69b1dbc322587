import type { Socket } from 'node:net';

/** The descriptor of one of Node's sockets, for which Node has no public way; −1 when it has none (any more). */
export function descriptorOf(socket: Socket): number {
  const { _handle: handle } = socket as Socket & { readonly _handle?: { readonly fd?: number } };
  return handle?.fd ?? -1;
}
