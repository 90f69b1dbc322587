/** A request that cannot be met; the message is for the one who made it. */
export class ControlError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? {} : { cause });
    this.name = 'ControlError';
  }
}
