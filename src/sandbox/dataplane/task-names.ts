/**
 * Makes the names of private hosted zones resolve in tasks: processes load a program before their own code, which reads what the zones
 * hold at every look-up; containers are told the names when they are made.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LOAD_BALANCER_ZONE } from '../world/elbv2-state.ts';
import { writeWhole } from '../whole-file.ts';
import type { Route53State, StoredZone } from '../world/route53-state.ts';
import type { ContainerOrder } from './runner.ts';

/** In the sandbox's folder. */
export const NAMES_FOLDER = 'names';
/** The program that tasks load: the build puts it beside the code, too. */
const RESOLVER = new URL('private-names.cjs', import.meta.url);
/** In place of a VPC's id: tasks of networks that the sandbox does not know find the names of all. */
const ANY_VPC = 'any';

/** Writes down what private zones hold. Tasks that run see it at their next look-up. */
export function writeZones(dir: string, { zones }: Route53State): void {
  const held = Object.values(zones).filter(({ isPrivate }) => isPrivate).map(readable);
  writeWhole(join(dir, NAMES_FOLDER, 'zones.json'), JSON.stringify(held));
}

/** The value of `NODE_OPTIONS` for a task that has `own` there. Writes the file that it names. */
export function nodeOptions(own: string | undefined, { vpcId = ANY_VPC }: Pick<ContainerOrder, 'vpcId'>, dir: string): string {
  const file = join(dir, NAMES_FOLDER, `${vpcId}.cjs`);
  writeWhole(file, readFileSync(RESOLVER));
  const quoted = `"${file.replaceAll(/["\\]/g, String.raw`\$&`)}"`;
  return [own, `--require=${quoted}`].filter((part) => part !== undefined && part !== '').join(' ');
}

/** The names that stand for load balancers, where a task in that order's network finds them. */
export function namesFor({ vpcId }: Pick<ContainerOrder, 'vpcId'>, { zones }: Route53State): string[] {
  const seen = Object.values(zones).filter(({ isPrivate, vpcs }) => isPrivate && (vpcId === undefined || vpcs.some(({ VPCId }) => VPCId === vpcId)));
  const records = seen.flatMap((zone) => zone.records).filter(({ type, alias }) => type === 'A' && alias?.HostedZoneId === LOAD_BALANCER_ZONE);
  // A file of hosts has no wildcards.
  return records.map(({ name }) => name.slice(0, -1)).filter((name) => !name.includes('*'));
}

function readable({ name, vpcs, records }: StoredZone) {
  return {
    name,
    vpcs: vpcs.map(({ VPCId }) => VPCId),
    records: records.map(({ name: of, type, values, alias }) => ({ name: of, type, values, alias: alias?.DNSName })),
  };
}
