/** Systems Manager: Parameter Store. */
import type { ParameterTier, ParameterType } from '@aws-sdk/client-ssm';

export interface SsmState {
  /** By name. */
  parameters: Record<string, ParameterState>;
}

export interface ParameterState {
  readonly name: string;
  readonly type: ParameterType;
  tags: Record<string, string>;
  /** Oldest first, never empty; the oldest are forgotten beyond 100. */
  versions: ParameterVersionState[];
}

export interface ParameterVersionState {
  readonly version: number;
  readonly value: string;
  readonly modified: Date;
  readonly modifiedBy: string;
  readonly tier: ParameterTier;
  readonly dataType: string;
  readonly description?: string;
  readonly allowedPattern?: string;
  readonly keyId?: string;
  /** As JSON text, one policy each. */
  readonly policies: readonly string[];
  /** From the expiration policy: the parameter is gone after that time. */
  readonly expires?: Date;
}

export function emptySsm(): SsmState {
  return { parameters: {} };
}
