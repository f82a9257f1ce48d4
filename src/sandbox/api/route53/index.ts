/** Route 53, as far as the zones and names of a project need it: simple records and aliases, no other routing policies. */
import type { Operations } from '../service.ts';
import { changeOperations } from './changes.ts';
import { recordOperations } from './records.ts';
import { tagOperations } from './tags.ts';
import { vpcOperations } from './vpcs.ts';
import { zoneListOperations } from './zone-lists.ts';
import { zoneOperations } from './zones.ts';

export const operations = {
  ...changeOperations,
  ...recordOperations,
  ...tagOperations,
  ...vpcOperations,
  ...zoneListOperations,
  ...zoneOperations,
} satisfies Operations;
