/** Passwords of the registry: given out by GetAuthorizationToken, good for 12 hours, forgotten afterwards. */
import { createHash, randomBytes } from 'node:crypto';
import type { Region } from '../parts.ts';

const TOKEN_LIFETIME_MS = 12 * 60 * 60 * 1000;

/** Gives a new password to who has that access key. `expiresAt` is what AWS would answer; in a faster world the password ends sooner. */
export function issuePassword(region: Region, accessKeyId: string): { password: string; expiresAt: Date } {
  const password = randomBytes(48).toString('base64url');
  const now = region.clock.now().getTime();
  const { ecr } = region.state;
  ecr.tokens = ecr.tokens.filter(({ validUntil }) => validUntil.getTime() > now);
  ecr.tokens.push({ passwordHash: hash(password), accessKeyId, validUntil: new Date(now + region.clock.real(TOKEN_LIFETIME_MS)) });
  region.changed();
  return { password, expiresAt: new Date(now + TOKEN_LIFETIME_MS) };
}

/** Who the region's registry gave a password to; empty where that is not known. */
export function ownerOf(region: Region, password: string): string {
  const passwordHash = hash(password);
  return region.state.ecr.tokens.find((candidate) => candidate.passwordHash === passwordHash)?.accessKeyId ?? '';
}

/** What the region's registry says to a password; `unknown` where it never gave it out, or so long ago that it forgot. */
export function checkPassword(region: Region, password: string): 'valid' | 'expired' | 'unknown' {
  const passwordHash = hash(password);
  const token = region.state.ecr.tokens.find((candidate) => candidate.passwordHash === passwordHash);
  if (!token) return 'unknown';
  return token.validUntil > region.clock.now() ? 'valid' : 'expired';
}

function hash(password: string): string {
  return createHash('sha256').update(password).digest('hex');
}
