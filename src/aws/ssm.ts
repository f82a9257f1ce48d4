/** Parameters of the parameter store, where the release log lives. */
import { allPages, type Caller, clientOptions, explaining, isAws, once } from './connect.ts';
import { needed } from './needed.ts';

export interface Parameter {
  /** The whole path. */
  readonly name: string;
  readonly value: string;
}

export interface Parameters {
  /** All parameters directly under a path. */
  list(path: string): Promise<Parameter[]>;
  /** Those of at most ten names that exist, in any order. */
  get(names: readonly string[]): Promise<Parameter[]>;
  /** Atomic: false when a parameter of this name exists already, else it exists now. */
  create(name: string, value: string, description: string): Promise<boolean>;
  /** Gives a parameter another value, whatever it held. */
  overwrite(name: string, value: string, description: string): Promise<void>;
  /** Those that do not exist are no error. */
  remove(names: readonly string[]): Promise<void>;
}

/** DeleteParameters takes no more names than this. */
const DELETE_AT_ONCE = 10;

/** @param hurried answers or fails within seconds, whatever the network does. */
export function parameters(caller: Caller, { hurried = false }: { hurried?: boolean } = {}): Parameters {
  const connect = once(async () => {
    const sdk = await import('./sdk/ssm.ts');
    return { sdk, client: explaining('ssm', new sdk.SSMClient(await clientOptions(caller, { hurried }))) };
  });
  async function put(name: string, value: string, description: string, overwrite: boolean): Promise<void> {
    const { sdk, client } = await connect();
    await client.send(
      new sdk.PutParameterCommand({ Name: name, Value: value, Type: 'String', Description: description, Overwrite: overwrite }),
    );
  }
  return {
    async list(path) {
      const { sdk, client } = await connect();
      return allPages(async (NextToken) => {
        const answer = await client.send(new sdk.GetParametersByPathCommand({ Path: path, NextToken }));
        return [parametersIn(answer, 'GetParametersByPath'), answer.NextToken];
      });
    },

    async get(names) {
      const { sdk, client } = await connect();
      return parametersIn(await client.send(new sdk.GetParametersCommand({ Names: [...names] })), 'GetParameters');
    },

    async create(name, value, description) {
      try {
        await put(name, value, description, false);
        return true;
      } catch (error) {
        if (isAws(error, 'ParameterAlreadyExists')) return false;
        throw error;
      }
    },

    overwrite: (name, value, description) => put(name, value, description, true),

    async remove(names) {
      const { sdk, client } = await connect();
      for (let start = 0; start < names.length; start += DELETE_AT_ONCE) {
        await client.send(new sdk.DeleteParametersCommand({ Names: names.slice(start, start + DELETE_AT_ONCE) }));
      }
    },
  };
}

function parametersIn({ Parameters = [] }: { Parameters?: { Name?: string; Value?: string }[] }, call: string): Parameter[] {
  return Parameters.map(({ Name, Value }) => ({
    name: needed(Name, call, 'the name of a parameter'),
    value: needed(Value, call, 'the value of a parameter'),
  }));
}
