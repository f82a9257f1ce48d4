/** Who is calling. */
import { type Caller, clientOptions, explaining, once } from './connect.ts';

export interface Identity {
  /** Account of the credentials in use: 12 digits. */
  account(): Promise<string>;
}

export function identity(caller: Caller): Identity {
  const connect = once(async () => {
    const sdk = await import('./sdk/sts.ts');
    return { sdk, client: explaining('sts', new sdk.STSClient(await clientOptions(caller))) };
  });
  return {
    async account() {
      const { sdk, client } = await connect();
      const answer = await client.send(new sdk.GetCallerIdentityCommand({}));
      return answer.Account ?? '';
    },
  };
}
