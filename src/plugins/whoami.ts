/**
 * `whoami`: answers every question with who asks (spec §5.12): the client's address as an A or AAAA
 * record, its port and transport as an SRV record, both in the additional section.
 */
import { checkCount, unknownOption } from '../config/values.ts';
import { addressOctets } from '../dns/address.ts';
import { RCODE_REFUSED, writeUint16 } from '../dns/header.ts';
import type { ResourceRecord } from '../dns/message.ts';
import { MAX_NAME_LENGTH } from '../dns/name.ts';
import type { Query } from '../dns/query.ts';
import { respond } from '../dns/synthesis.ts';
import { TYPE_A, TYPE_AAAA, TYPE_SRV } from '../dns/type.ts';
import type { Directive } from './directive.ts';
import { answered, type Done, failed, type Stage } from './stage.ts';

export const whoami: Directive<null> = {
  name: 'whoami',
  repeatable: false,
  parse([{ name, args, lines }]) {
    checkCount(name, args, { min: 0, max: 0 });
    if (lines.length > 0) throw unknownOption('whoami', lines[0].words[0]);
    return null;
  },
  stage: () => mirror,
};

const mirror: Stage = {
  resolve(query: Query, done: Done): void {
    const address = addressRecord(query);
    if (address === null) {
      done(failed(RCODE_REFUSED, `"${query.client.address}" is no address`));
      return;
    }
    const additionals = [address, ...portRecords(query)];
    done(answered(respond(query, { aa: true, additionals }), 'whoami'));
  },
};

function addressRecord(query: Query): ResourceRecord | null {
  const rdata = addressOctets(query.client.address);
  if (rdata === null) return null;
  const type = query.client.family === 4 ? TYPE_A : TYPE_AAAA;
  return { name: query.wireName, type, class: query.qclass, ttlSeconds: 0, rdata };
}

/** `_udp.NAME SRV 0 0 PORT .`; nothing when that name is too long to exist. */
function portRecords(query: Query): ResourceRecord[] {
  const label = Buffer.from(`_${query.client.transport}`, 'latin1');
  const name = Buffer.concat([Buffer.from([label.length]), label, query.wireName]);
  if (name.length > MAX_NAME_LENGTH) return [];
  // Priority 0, weight 0, the port, the root as target.
  const rdata = Buffer.alloc(7);
  writeUint16(rdata, 4, query.client.port);
  return [{ name, type: TYPE_SRV, class: query.qclass, ttlSeconds: 0, rdata }];
}
