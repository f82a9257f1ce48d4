/** Who may use the registry: whoever has a token of GetAuthorizationToken that is still good. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Region } from '../parts.ts';
import { checkPassword } from '../world/ecr-tokens.ts';
import { RegistryError } from './registry-exchange.ts';

/**
 * Finds the region that gave out the request's token.
 * @throws RegistryError UNAUTHORIZED without a token, DENIED with one that is unknown or expired
 */
export function authorize(request: IncomingMessage, response: ServerResponse, regions: Iterable<Region>): Region {
  const [scheme = '', credentials = ''] = (request.headers.authorization ?? '').split(' ');
  if (scheme.toLowerCase() !== 'basic') {
    // Docker, skopeo and others ask without credentials first, and look for this challenge.
    response.setHeader('www-authenticate', `Basic realm="http://${request.headers.host ?? '127.0.0.1'}/",service="ecr.amazonaws.com"`);
    throw new RegistryError(401, 'UNAUTHORIZED', 'Not Authorized');
  }

  const [user, password = ''] = Buffer.from(credentials, 'base64').toString('utf8').split(':');
  const verdicts = user === 'AWS' ? Array.from(regions, (region) => ({ region, verdict: checkPassword(region, password) })) : [];
  const valid = verdicts.find(({ verdict }) => verdict === 'valid');
  if (valid) return valid.region;
  throw new RegistryError(403, 'DENIED', verdicts.some(({ verdict }) => verdict === 'expired')
    ? 'Your authorization token has expired. Reauthenticate and try again.'
    : 'Your Authorization Token is invalid.');
}
