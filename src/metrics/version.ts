/** Which program this is. The build puts package.json's version in; sources that run as they are have none. */
export const VERSION = process.env.NODELOCALDNS_VERSION ?? 'development';
