/** Tokens that a registry gives to anybody, for images that are public: https://distribution.github.io/distribution/spec/auth/token/ */
import * as z from 'zod';
import { parseDocument } from './documents.ts';

const token = z.string().regex(/^[!-~]+$/).optional();
const tokenShape = z.object({ token, access_token: token });

/**
 * @param challenge `Bearer realm="https://…",service="…",scope="…"`
 * @param read what is at an address; undefined where nothing is to be had
 * @returns a value of the Authorization header; undefined where the registry gives none to strangers
 */
export async function anonymousToken(challenge: string, read: (url: string) => Promise<string | undefined>): Promise<string | undefined> {
  const { realm = '', ...parameters } = Object.fromEntries(Array.from(challenge.matchAll(/(\w+)="([^"]*)"/g), ([, name = '', value = '']) => [name, value]));
  if (!URL.canParse(realm)) return undefined;
  const url = new URL(realm);
  for (const name of ['service', 'scope']) if (parameters[name] !== undefined) url.searchParams.set(name, parameters[name]);
  const given = parseDocument(tokenShape, (await read(url.href)) ?? '');
  const bearer = given?.token ?? given?.access_token;
  return bearer === undefined ? undefined : `Bearer ${bearer}`;
}
