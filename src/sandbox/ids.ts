/** Identifiers in the shapes AWS gives them. */
import { randomBytes, randomInt } from 'node:crypto';

/** Lower-case hexadecimal, as in task ids (32), load balancer and target group ids (16). */
export function hexId(length: number): string {
  return randomBytes(Math.ceil(length / 2)).toString('hex').slice(0, length);
}

/** Decimal digits without a leading zero, as in ECS deployment ids (19). */
export function digitId(length: number): string {
  return String(randomInt(1, 10)) + Array.from({ length: length - 1 }, () => randomInt(10)).join('');
}
