/** Why the node's side could not be set up. Tests assert codes, people read messages. */
export type HostErrorCode =
  | 'net-admin'
  | 'interface-kind'
  | 'interface-name'
  | 'interface-create'
  | 'ipvs'
  | 'tun';

/** A fault that ends the start; running errors are counted instead (see setup-errors.ts). */
export class HostError extends Error {
  readonly code: HostErrorCode;

  constructor(code: HostErrorCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.name = 'HostError';
    this.code = code;
  }
}

/** The text of anything that was thrown. */
export function errorText(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
