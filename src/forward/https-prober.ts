/** Probes an upstream over HTTPS, on a connection of its own. */
import { FLAG_QR, HEADER_LENGTH, readUint16 } from '../dns/header.ts';
import { type StreamTarget, TlsDialer } from './dial.ts';
import { askOverHttps, openSession } from './https-request.ts';
import type { OnProbed, Prober } from './prober.ts';

/** Spec §5.4: a check waits 1 s for its answer. */
const TIMEOUT_MS = 1000;

export class HttpsProber implements Prober {
  readonly #target: StreamTarget;

  constructor(target: StreamTarget) {
    this.#target = target;
  }

  ask(question: Buffer, done: OnProbed): void {
    const { tls, https } = this.#target;
    if (tls === null || https === undefined) return;
    const session = openSession(this.#target, new TlsDialer(this.#target, tls));
    session.on('error', () => {});
    const timer = setTimeout(() => session.destroy(), TIMEOUT_MS).unref();
    askOverHttps(session, https, question, (reply) => {
      clearTimeout(timer);
      session.destroy();
      done(reply !== null && isResponse(reply));
    });
  }
}

function isResponse(reply: Buffer): boolean {
  return reply.length >= HEADER_LENGTH && (readUint16(reply, 2) & FLAG_QR) !== 0;
}
