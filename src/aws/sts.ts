/** Who is calling. */
import { type Caller, clientOptions, explaining, once } from './connect.ts';

export interface Identity {
  /** Account of the credentials in use: 12 digits. */
  account(): Promise<string>;
}

/** @param hurried answers or fails within seconds, whatever the network does. */
export function identity(caller: Caller, { hurried = false }: { hurried?: boolean } = {}): Identity {
  const connect = once(async () => {
    const sdk = await import('./sdk/sts.ts');
    return { sdk, client: explaining('sts', new sdk.STSClient(await clientOptions(caller, { hurried }))) };
  });
  return {
    async account() {
      const { sdk, client } = await connect();
      const answer = await client.send(new sdk.GetCallerIdentityCommand({}));
      return answer.Account ?? '';
    },
  };
}
