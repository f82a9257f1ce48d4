/** CloudFormation: stacks of the resources that a deployment needs, made from templates over AWS time. */
import type { Operations } from '../service.ts';
import { changeSetOperations } from './change-sets.ts';
import { readOperations } from './read-operations.ts';
import { templateOperations } from './template-operations.ts';
import { writeOperations } from './write-operations.ts';

export const operations: Operations = { ...changeSetOperations, ...readOperations, ...templateOperations, ...writeOperations };
