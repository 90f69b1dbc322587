/** `rewrite edns0 … revert`: takes a changed option back in the response. */
import { type EdnsOption, readOptions, writeOptions } from '../dns/edns.ts';
import type { Message, ResourceRecord } from '../dns/message.ts';
import { OPT_LENGTH } from '../dns/reply.ts';
import { TYPE_OPT } from '../dns/type.ts';
import type { MessageChange } from './rewrite-rule.ts';

/**
 * Where the response has an option of this code, gives it `data` back; null takes the option away. A
 * response without OPT record, or with options that cannot be read, stays as it is.
 */
export function setResponseOption(code: number, data: Buffer | null): MessageChange {
  const change = (option: EdnsOption): EdnsOption[] => {
    if (option.code !== code) return [option];
    return data === null ? [] : [{ code, data }];
  };
  return (message: Message) => ({
    ...message,
    additionals: message.additionals.map((record) => {
      const options = record.type === TYPE_OPT ? optionsIn(record) : null;
      if (options === null) return record;
      return { ...record, rdata: writeOptions(options.flatMap(change)) };
    }),
  });
}

/** The options of an OPT record; null when they are malformed. */
export function optionsIn(opt: ResourceRecord): EdnsOption[] | null {
  return readOptions(Buffer.concat([Buffer.alloc(OPT_LENGTH), opt.rdata]));
}
