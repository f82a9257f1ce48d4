/** Changes, and how long they take to reach all name servers. */
import type { ChangeInfo, GetChangeRequest, GetChangeResponse } from '@aws-sdk/client-route-53';
import { AwsError } from '../../errors.ts';
import { hexId } from '../../ids.ts';
import { ownValue } from '../../own-value.ts';
import type { Region } from '../../parts.ts';
import type { StoredChange } from '../../world/route53-state.ts';
import type { Operations } from '../service.ts';

/** AWS ms. Source: "How long does it take for changes to propagate" of the FAQ: within 60 seconds; people see about half of that. */
const PROPAGATION = 30_000;
const MOST_REMEMBERED = 500;

export const changeOperations = {
  GetChange({ Id = '' }: GetChangeRequest, region: Region): GetChangeResponse {
    const id = Id.replace(/^\/change\//, '');
    const change = ownValue(region.global.state.route53.changes, id);
    if (!change) throw new AwsError('NoSuchChange', `Could not find resource with ID: ${id}`);
    return { ChangeInfo: describe(region, id, change) };
  },
} satisfies Operations;

/** Zones or records were changed: they are written down, tasks see them, and the change has an id. */
export function submit(region: Region, comment?: string): ChangeInfo {
  const { changes } = region.global.state.route53;
  const id = `C${hexId(20).toUpperCase()}`;
  const change: StoredChange = { submittedAt: region.clock.now(), comment };
  changes[id] = change;
  for (const oldest of Object.keys(changes).slice(0, -MOST_REMEMBERED)) delete changes[oldest];
  region.global.changed();
  return describe(region, id, change);
}

function describe({ clock }: Region, id: string, { submittedAt, comment }: StoredChange): ChangeInfo {
  const age = clock.now().getTime() - submittedAt.getTime();
  return { Id: `/change/${id}`, Status: age < clock.real(PROPAGATION) ? 'PENDING' : 'INSYNC', SubmittedAt: submittedAt, Comment: comment };
}
