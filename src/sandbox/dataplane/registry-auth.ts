/** Who may use the registry: whoever has a token of GetAuthorizationToken that is still good. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Region } from '../parts.ts';
import { checkPassword, ownerOf } from '../world/ecr-tokens.ts';
import { RegistryError } from './registry-exchange.ts';

export interface Bearer {
  /** The one that gave out the token. */
  readonly region: Region;
  /** Whom it was given to. */
  readonly accessKeyId: string;
}

/**
 * Finds who brings the request's token.
 * @throws RegistryError UNAUTHORIZED without a token, DENIED with one that is unknown or expired
 */
export function authorize(request: IncomingMessage, response: ServerResponse, regions: Iterable<Region>): Bearer {
  const [scheme = '', credentials = ''] = (request.headers.authorization ?? '').split(' ');
  if (scheme.toLowerCase() !== 'basic') {
    // Docker, skopeo and others ask without credentials first, and look for this challenge.
    response.setHeader('www-authenticate', `Basic realm="http://${request.headers.host ?? '127.0.0.1'}/",service="ecr.amazonaws.com"`);
    throw new RegistryError(401, 'UNAUTHORIZED', 'Not Authorized');
  }

  const [user, password = ''] = Buffer.from(credentials, 'base64').toString('utf8').split(':');
  const verdicts = user === 'AWS' ? Array.from(regions, (region) => ({ region, verdict: checkPassword(region, password) })) : [];
  const valid = verdicts.find(({ verdict }) => verdict === 'valid');
  if (valid) return { region: valid.region, accessKeyId: ownerOf(valid.region, password) };
  throw new RegistryError(403, 'DENIED', verdicts.some(({ verdict }) => verdict === 'expired')
    ? 'Your authorization token has expired. Reauthenticate and try again.'
    : 'Your Authorization Token is invalid.');
}
