/** Ports of the load balancers that are made: which of them can not be the same. */

export interface ListenerPorts {
  /** Of the public load balancer; undefined where it has no such listener. */
  readonly http: number | undefined;
  readonly https: number | undefined;
  /** Of the internal one; undefined where there is none. */
  readonly internal: number | undefined;
  readonly internalHttps: number | undefined;
  /** Whether they are in a VPC that was there: of that one only the id is known, so the internal listeners admit any address, too. */
  readonly inGivenVpc: boolean;
  /** Stack that has the HTTPS listener, where it is not for the settings to say on which port. */
  readonly httpsStack?: string | undefined;
}

interface Listener {
  readonly name: string;
  readonly port: number | undefined;
  readonly isInternal: boolean;
}

/** A load balancer has one listener on a port, and its security group admits any address to a port once (`InvalidPermission.Duplicate`). */
export function portProblems({ http, https, internal, internalHttps, inGivenVpc, httpsStack }: ListenerPorts): string[] {
  const plain = { name: 'LISTENER_PORT', port: http, isInternal: false };
  const secure = { name: 'HTTPS_LISTENER_PORT', port: https, isInternal: false };
  const kept = { ...secure, name: `that of the HTTPS listener of stack ${httpsStack}, which stays without CERTIFICATE_ARN` };
  const inside = { name: 'INTERNAL_LISTENER_PORT', port: internal, isInternal: true };
  const insideSecure = { name: 'INTERNAL_HTTPS_LISTENER_PORT', port: internalHttps, isInternal: true };
  const clash = (one: Listener, other: Listener) => one.port === other.port && (inGivenVpc || one.isInternal === other.isInternal);
  // The one that comes later is to change.
  const all: Listener[] = [...(httpsStack === undefined ? [plain, secure] : [kept, plain]), inside, insideSecure];
  return all.flatMap((listener, index) => {
    const other = all.slice(0, index).find((earlier) => listener.port !== undefined && clash(earlier, listener));
    const why = other && other.isInternal !== listener.isInternal ? ': with VPC_ID one security group admits any address to both' : '';
    return other ? [`${listener.name} is "${listener.port}": it should be another port than ${other.name}${why}.`] : [];
  });
}
