/**
 * Renews addresses twice and prints whether it worked, as JSON.
 * `node renew-addresses.ts INDEX SECONDS ADDRESS…`, in a network namespace.
 */
import { AddressRenewal } from '../../../src/host/address-renewal.ts';

const [index, seconds, ...ips] = process.argv.slice(2);
const renewal = new AddressRenewal();
const renew = () => renewal.renew(Number(index), ips, Number(seconds));
const results = [renew(), renew()];
renewal.close();
console.log(JSON.stringify([...results, renew()]));
