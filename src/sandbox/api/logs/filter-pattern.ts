/** Filter patterns for unstructured log events: terms that must, may or must not occur. */
import { invalid } from './lookup.ts';

/**
 * Whether all plain terms occur, no `-term` does, and of the `?terms`, if there are any, one does. A term in double quotes may hold
 * spaces. The sandbox has no JSON (`{…}`), column (`[…]`) and regular expression (`%…%`) patterns: it throws AwsError
 * InvalidParameterException for them.
 */
export function matchesPattern(message: string, pattern: string): boolean {
  if (/^\s*[{[%]/.test(pattern)) throw invalid('Invalid filter pattern: the sandbox takes terms only.');
  const matches = pattern.matchAll(/([?-]?)(?:"([^"]*)"|(\S+))/g);
  const terms = Array.from(matches, ([, sign, quoted, plain]) => ({ sign, text: quoted ?? plain ?? '' }));
  const occurs = ({ text }: { text: string }) => message.includes(text);
  const optional = terms.filter(({ sign }) => sign === '?');
  return (
    terms.filter(({ sign }) => sign === '').every(occurs) &&
    !terms.filter(({ sign }) => sign === '-').some(occurs) &&
    (optional.length === 0 || optional.some(occurs))
  );
}
