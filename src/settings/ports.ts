/** Ports of the load balancers that are made: which of them can not be the same. */

export interface ListenerPorts {
  /** Of the public load balancer; undefined where it has no such listener. */
  readonly http: number | undefined;
  readonly https: number | undefined;
  /** Of the internal one; undefined where there is none. */
  readonly internal: number | undefined;
  /** Whether they are in a VPC that was there: of that one only the id is known, so the internal listener admits any address, too. */
  readonly inGivenVpc: boolean;
  /** Stack that has the HTTPS listener, where it is not for the settings to say on which port. */
  readonly httpsStack?: string | undefined;
}

/** A load balancer has one listener on a port, and its security group admits any address to a port once (`InvalidPermission.Duplicate`). */
export function portProblems({ http, https, internal, inGivenVpc, httpsStack }: ListenerPorts): string[] {
  const plain = { name: 'LISTENER_PORT', port: http, why: '' };
  const secure = { name: 'HTTPS_LISTENER_PORT', port: https, why: '' };
  const kept = { ...secure, name: `that of the HTTPS listener of stack ${httpsStack}, which stays without CERTIFICATE_ARN` };
  const inside = { name: 'INTERNAL_LISTENER_PORT', port: inGivenVpc ? internal : undefined, why: ': with VPC_ID one security group admits any address to both' };
  // The one that comes later is to change.
  const all = httpsStack === undefined ? [plain, secure, inside] : [kept, plain, inside];
  return all.flatMap(({ name, port, why }, index) => {
    const other = all.slice(0, index).find((earlier) => port !== undefined && earlier.port === port);
    return other ? [`${name} is "${port}": it should be another port than ${other.name}${why}.`] : [];
  });
}
