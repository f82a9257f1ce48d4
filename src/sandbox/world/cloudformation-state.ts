/** What the sandbox's CloudFormation holds: stacks, deleted ones included, with their resources and events. */
import type {
  Capability, Change, ChangeSetStatus, ChangeSetType, ExecutionStatus, OnFailure, Output, Parameter, ResourceStatus, StackEvent,
  StackStatus, Tag,
} from '@aws-sdk/client-cloudformation';

export interface CloudFormationState {
  /** By stack id. Of stacks that share a name, all but the last one are deleted. */
  stacks: Record<string, StoredStack>;
}

export interface StoredStack {
  id: string;
  name: string;
  /** Also says what is still to be done: a stack in progress is taken up again after a restart. */
  status: StackStatus;
  statusReason?: string;
  createdAt: Date;
  updatedAt?: Date;
  deletedAt?: Date;
  /** What the stack is, or is becoming. Its template is empty while the stack is but reviewed. */
  definition: StackDefinition;
  /** What it was before the update that is under way. */
  previous?: StackDefinition;
  onFailure: OnFailure;
  /** Logical ids that the deletion under way leaves alone. */
  retained: string[];
  /** Of the operation under way or the last one. */
  token?: string;
  /** By logical id. */
  resources: Record<string, StoredResource>;
  /** What the update under way has replaced. */
  replaced: StoredResource[];
  outputs: Output[];
  /** Oldest first. */
  events: StoredEvent[];
  /** Refuses to be deleted. */
  isProtected?: boolean;
  /** Oldest first, the executed ones included. */
  changeSets?: StoredChangeSet[];
}

export interface StoredChangeSet {
  id: string;
  name: string;
  type: Exclude<ChangeSetType, 'IMPORT'>;
  description?: string;
  createdAt: Date;
  /** What the stack would become. */
  definition: StackDefinition;
  onFailure?: OnFailure;
  status: ChangeSetStatus;
  statusReason?: string;
  executionStatus: ExecutionStatus;
  /** Of the request that made it. */
  token?: string;
  changes: Change[];
}

/** AWS gives the stack's own status, too, where its API model names only those of resources. */
export interface StoredEvent extends Omit<StackEvent, 'ResourceStatus'> {
  ResourceStatus: ResourceStatus | StackStatus;
}

export interface StackDefinition {
  template: string;
  /** With values as given; those of type SSM parameter also with the value found. */
  parameters: Parameter[];
  tags: Tag[];
  capabilities: Capability[];
}

export interface StoredResource {
  logicalId: string;
  type: string;
  /** Undefined until it is made. */
  physicalId?: string;
  status: ResourceStatus;
  statusReason?: string;
  changedAt: Date;
  /** As the template asked for them when it was made or last updated. */
  properties: Record<string, unknown>;
  /** An update of it has begun and not ended well: what it looks like is not known. */
  dirty?: boolean;
  /** What Fn::GetAtt finds. */
  attributes: Record<string, string>;
  /** Logical ids that it needs. */
  needs: string[];
  retain: boolean;
}

export function emptyCloudFormation(): CloudFormationState {
  return { stacks: {} };
}
