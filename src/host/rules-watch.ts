/**
 * Tells cheaply whether someone changed the chains that our rules stand in: a request or two to the
 * kernel each second instead of two dozen processes a minute.
 *
 * nft (iptables-nft too): the number of the rule set's generation; when it moved, the handles of the
 * rules in our chains, and nobody else's. Legacy: the table's size and entry points.
 */
import netlink from 'netlink';
import { loadCLibrary } from './c-library.ts';
import {
  MESSAGE_HEADER_LENGTH,
  messageType,
  NetlinkChannel,
  netlinkMessage,
} from './netlink-channel.ts';

/** What to look at in the kernel. */
export type WatchTarget =
  | {
      readonly kind: 'nft';
      readonly family: number;
      readonly table: string;
      readonly chain: string;
    }
  | { readonly kind: 'legacy'; readonly isV4: boolean; readonly table: string };

/** As RulesKeeper sees it. No method throws or rejects. */
export interface RulesWatch {
  /** Looks at these from now on. */
  follow(targets: readonly WatchTarget[]): void;
  /** Remembers the state of now. */
  mark(): Promise<void>;
  /** Takes the state last remembered as the right one. */
  settle(): void;
  /** Whether the state differs from the one taken. */
  changed(): Promise<boolean>;
}

/** What is compared, as text. */
interface KernelState {
  /** Moves whenever the rules may have changed. */
  readonly generation: string;
  readonly rules: string;
}

export class KernelRulesWatch implements RulesWatch {
  #socket: ReturnType<typeof netlink.createNetlink> | null = null;
  /** For what is asked each second. Undefined before it, null where there can be none. */
  #channel: NetlinkChannel | null | undefined;
  /** BOUNDED by the chains of two address families. */
  #targets: readonly WatchTarget[] = [];
  #marked: KernelState = { generation: '', rules: '' };
  #right: KernelState = this.#marked;

  follow(targets: readonly WatchTarget[]): void {
    this.#targets = targets;
  }

  async mark(): Promise<void> {
    try {
      // In this order: what changes between the two is seen as a change later.
      const generation = await this.#readGeneration();
      this.#marked = { generation, rules: await this.#readRules() };
    } catch {
      // Not to be asked: the sync interval is the safety net.
    }
  }

  settle(): void {
    this.#right = this.#marked;
  }

  async changed(): Promise<boolean> {
    try {
      const generation = await this.#readGeneration();
      if (generation === this.#right.generation) return false;
      const rules = await this.#readRules();
      if (rules !== this.#right.rules) return true;
      this.#right = { generation, rules };
    } catch {
      // As above.
    }
    return false;
  }

  close(): void {
    this.#socket?.close();
    this.#socket = null;
    this.#channel?.close();
    this.#channel = null;
  }

  /** Changes whenever the state may have changed. */
  async #readGeneration(): Promise<string> {
    const sizes = this.#targets.map((target) =>
      target.kind === 'legacy' ? readLegacyInfo(target.isV4, target.table) : '',
    );
    const hasNft = this.#targets.some(({ kind }) => kind === 'nft');
    return `${hasNft ? await this.#readNftGeneration() : ''} ${sizes.join(' ')}`;
  }

  async #readRules(): Promise<string> {
    const parts: string[] = [];
    for (const target of this.#targets) {
      parts.push(
        target.kind === 'legacy'
          ? readLegacyInfo(target.isV4, target.table)
          : (await this.#readHandles(target.family, target.table, target.chain)).join(),
      );
    }
    return parts.join('\n');
  }

  async #readNftGeneration(): Promise<number> {
    if (this.#channel === undefined) this.#channel = NetlinkChannel.open(NETLINK_NETFILTER);
    const answer = this.#channel?.ask(GENERATION_REQUEST) ?? NOTHING;
    if (messageType(answer) === GENERATION_ANSWER) {
      return attribute(answer.subarray(MESSAGE_HEADER_LENGTH), NFTA_GEN_ID)?.readUInt32BE(0) ?? 0;
    }
    const [reply] = await this.#ask(NFT_MSG_GETGEN, netfilterHeader(0), 0);
    return attribute(reply, NFTA_GEN_ID)?.readUInt32BE(0) ?? 0;
  }

  async #readHandles(family: number, table: string, chain: string): Promise<bigint[]> {
    const request = Buffer.concat([
      netfilterHeader(family),
      textAttribute(NFTA_RULE_TABLE, table),
      textAttribute(NFTA_RULE_CHAIN, chain),
    ]);
    const replies = await this.#ask(NFT_MSG_GETRULE, request, netlink.FlagsGet.DUMP);
    return replies.map((reply) => attribute(reply, NFTA_RULE_HANDLE)?.readBigUInt64BE(0) ?? 0n);
  }

  async #ask(message: number, request: Buffer, flags: number): Promise<Buffer[]> {
    this.#socket ??= netlink.createNetlink(netlink.Protocol.NETFILTER);
    const type = (NFNL_SUBSYS_NFTABLES << 8) | message;
    const [replies] = await this.#socket.request(type, request, { flags, timeout: DEADLINE_MS });
    return replies.map(({ data }) => data);
  }
}

const DEADLINE_MS = 1000;

// ------------------------------------------------------------------ nfnetlink

const NETLINK_NETFILTER = 12;
const NFNL_SUBSYS_NFTABLES = 10;
const NFT_MSG_GETRULE = 7;
const NFT_MSG_NEWGEN = 15;
const NFT_MSG_GETGEN = 16;
const NLM_F_REQUEST = 1;
const NFTA_GEN_ID = 1;
const NFTA_RULE_TABLE = 1;
const NFTA_RULE_CHAIN = 2;
const NFTA_RULE_HANDLE = 3;
/** struct nfgenmsg: family, version, resource. */
const NETFILTER_HEADER_LENGTH = 4;

const NOTHING = Buffer.alloc(0);
const GENERATION_ANSWER = (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_NEWGEN;
const GENERATION_REQUEST = netlinkMessage(
  (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETGEN,
  NLM_F_REQUEST,
  netfilterHeader(0),
);

function netfilterHeader(family: number): Buffer {
  return Buffer.from([family, 0, 0, 0]);
}

function textAttribute(type: number, text: string): Buffer {
  return Buffer.concat(netlink.formatAttribute({ type, data: Buffer.from(`${text}\0`) }));
}

/** The attribute's value, or null. */
function attribute(message: Buffer | undefined, wanted: number): Buffer | null {
  let value: Buffer | null = null;
  const attributes = message?.subarray(NETFILTER_HEADER_LENGTH) ?? Buffer.alloc(0);
  netlink.parseAttributes(attributes, ({ type, data }) => {
    if (type === wanted) value = data;
  });
  return value;
}

// ------------------------------------------------------------------ legacy iptables

const AF_INET = 2;
const AF_INET6 = 10;
const SOCK_DGRAM_CLOEXEC = 2 | 0o2000000;
const SOL_IP = 0;
const SOL_IPV6 = 41;
/** IPT_SO_GET_INFO and IP6T_SO_GET_INFO. */
const GET_INFO = 64;
/** struct ipt_getinfo: name, hooks, entries, underflows, number of entries, size. */
const GET_INFO_LENGTH = 84;

/**
 * Entry points, number of entries and size of a legacy table, as hex; empty without the table.
 * Throws where the C library cannot be called.
 */
function readLegacyInfo(isV4: boolean, table: string): string {
  const { libc } = loadCLibrary();
  const socket = libc.func('int socket(int domain, int type, int protocol)');
  const close = libc.func('int close(int descriptor)');
  const getsockopt = libc.func(
    'int getsockopt(int descriptor, int level, int name, _Inout_ void* value, void* length)',
  );
  const descriptor: number = socket(isV4 ? AF_INET : AF_INET6, SOCK_DGRAM_CLOEXEC, 0);
  if (descriptor < 0) return '';
  const info = Buffer.alloc(GET_INFO_LENGTH);
  info.write(table, 'latin1');
  const length = Buffer.alloc(4);
  length.writeUInt32LE(GET_INFO_LENGTH);
  const status: number = getsockopt(descriptor, isV4 ? SOL_IP : SOL_IPV6, GET_INFO, info, length);
  close(descriptor);
  return status < 0 ? '' : info.toString('hex');
}
