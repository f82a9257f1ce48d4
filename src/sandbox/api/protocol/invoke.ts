/** Finds and runs an operation of a service: the same for a call over the wire and for one from inside. */
import type { Region } from '../../parts.ts';
import type { Caller } from '../service.ts';
import type { OperationModel } from './model.ts';
import { checkRequired } from './required.ts';
import type { Service } from './services.ts';

export interface EmulatedOperation {
  readonly model: OperationModel;
  /** Rejects with AwsError where a required member is missing, and with whatever the operation throws. */
  readonly run: (input: object, region: Region, caller: Caller) => Promise<object>;
}

/** Throws the protocol's own error for an operation that AWS does not have or the sandbox does not emulate. */
export function findOperation(service: Service, name: string): EmulatedOperation {
  const model = service.model.operations.get(name);
  const operation = Object.hasOwn(service.operations, name) ? service.operations[name] : undefined;
  if (!model || !operation) throw service.protocol.unknownOperation(name, service.version);
  return {
    model,
    async run(input, region, caller) {
      checkRequired(model.input, input, service.invalidInput);
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the model, not the compiler, knows the operation's input type
      return operation(input as never, region, caller);
    },
  };
}
