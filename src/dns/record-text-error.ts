/** Why a record in text form was refused. Tests assert codes, people read messages. */
export type RecordTextErrorCode =
  | 'quoting'
  | 'missing-field'
  | 'extra-field'
  | 'name'
  | 'ttl'
  | 'type'
  | 'number'
  | 'address'
  | 'string'
  | 'octets'
  | 'parameter';

/** A fault in the text of a record. The caller knows which file or line it stands in. */
export class RecordTextError extends Error {
  readonly code: RecordTextErrorCode;

  constructor(code: RecordTextErrorCode, message: string) {
    super(message);
    this.name = 'RecordTextError';
    this.code = code;
  }
}
