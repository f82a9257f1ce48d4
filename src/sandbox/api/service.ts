/** What an emulated AWS service is to the protocol layer. */
import type { Region } from '../parts.ts';

/** Who calls: nothing is checked, but some answers name it. */
export interface Caller {
  readonly accessKeyId: string;
}

export type Operation<Input, Output> = (input: Input, region: Region, caller: Caller) => Output | Promise<Output>;

/**
 * Operations by their AWS names. Inputs arrive parsed by the SDK's own schema: member names, types and required members are
 * as the API model says; whatever AWS checks beyond that is the operation's to check. Outputs are the SDK's output shapes
 * without `$metadata`.
 */
export type Operations = Readonly<Record<string, Operation<never, object>>>;
