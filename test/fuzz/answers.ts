/** What AWS may answer one day, or something in between that is not AWS: an answer of today, changed in one place. */
import fc from 'fast-check';
import type { Answer } from '../faulty-endpoint.ts';

/** Changes an answer; `at` picks the place among those where it could. */
export interface Change {
  readonly name: string;
  readonly at: number;
  readonly apply: (answer: Answer, at: number) => Answer;
}

const NEW = 'SOMETHING_NEW';
const HUGE = '123456789012345678901234567890';

const whole = (name: string, answer: Partial<Answer>) => [name, (was: Answer) => ({ ...was, ...answer })] as const;

/** Of bodies in either format. */
const ofBody: readonly (readonly [string, (answer: Answer, at: number) => Answer])[] = [
  whole('empty', { body: '' }),
  whole('a sign-in page', { status: 200, type: 'text/html', body: '<!DOCTYPE html><html><body><br>Please sign in</body></html>' }),
  whole('a gateway in trouble', { status: 502, type: 'text/html', body: '<html><h1>502 Bad Gateway</h1></html>' }),
  whole('500 without a word', { status: 500, body: '' }),
  whole('200 with an error', { status: 200, body: '{"__type":"ServerException","message":"no"}' }),
  whole('an error that nobody knows', { status: 400, body: '{"__type":"BrandNewException","message":"no"}' }),
  whole('an error without a code', { status: 400, body: '{}' }),
  whole('nothing of JSON', { body: 'null' }),
  whole('a list', { body: '[]' }),
  whole('an empty object', { body: '{}' }),
  whole('an empty element', { body: '<a/>' }),
  whole('another content type', { type: 'application/octet-stream' }),
  ['cut short', (was, at) => ({ ...was, body: was.body.slice(0, at % (was.body.length + 1)) })],
];

/** Each place of a JSON document: its parent and its key. */
function places(json: unknown): { readonly parent: object; readonly key: string }[] {
  if (typeof json !== 'object' || json === null) return [];
  return Object.entries(json).flatMap(([key, child]) => [{ parent: json, key }, ...places(child)]);
}

type ChangeMember = (parent: object, key: string) => void;

const set = (value: unknown): ChangeMember => (parent, key) => void Reflect.set(parent, key, value);
const ofMember: readonly (readonly [string, ChangeMember])[] = [
  ['dropped', (parent, key) => (Array.isArray(parent) ? void parent.splice(Number(key), 1) : void Reflect.deleteProperty(parent, key))],
  ['null', set(null)],
  ['a text', set(NEW)],
  ['a number', set(1e300)],
  ['a negative number', set(-1)],
  ['a switch', set(true)],
  ['an object', set({ [NEW]: 1 })],
  ['a list', set([])],
  ['twice', (parent, key) => (Array.isArray(parent) ? void parent.push(parent[Number(key)]) : set(Reflect.get(parent, key))(parent, `${key}2`))],
  ['with a new member', (parent) => (Array.isArray(parent) ? void parent.push({ [NEW]: [NEW] }) : set({ deeper: [1, null] })(parent, NEW))],
];

function inJson(change: ChangeMember) {
  return (was: Answer, at: number): Answer => {
    const json: unknown = JSON.parse(was.body);
    const found = places(json);
    const place = found[at % found.length];
    if (place) change(place.parent, place.key);
    return { ...was, body: JSON.stringify(json) };
  };
}

/** An element without children of its own name. */
const ELEMENT = /<(\w+)>((?:(?!<\1>)[\s\S])*?)<\/\1>/g;

const ofElement: readonly (readonly [string, (name: string, content: string) => string])[] = [
  ['dropped', () => ''],
  ['empty', (name) => `<${name}></${name}>`],
  ['closed', (name) => `<${name}/>`],
  ['a text', (name) => `<${name}>${NEW}</${name}>`],
  ['a huge number', (name) => `<${name}>${HUGE}</${name}>`],
  ['a negative number', (name) => `<${name}>-1</${name}>`],
  ['twice', (name, content) => `<${name}>${content}</${name}>`.repeat(2)],
  ['with a new member', (name, content) => `<${name}>${content}<${NEW}><member><a>1</a></member></${NEW}></${name}>`],
  ['not closed', (name, content) => `<${name}>${content}`],
];

function inXml(change: (name: string, content: string) => string) {
  return (was: Answer, at: number): Answer => {
    // Inside out: elements at any depth can be picked.
    const found: { index: number; text: string; name: string; content: string }[] = [];
    for (let start = 0; start < was.body.length; start++) {
      start = was.body.indexOf('<', start);
      if (start < 0) break;
      ELEMENT.lastIndex = start;
      const match = ELEMENT.exec(was.body);
      if (match?.index === start) found.push({ index: start, text: match[0], name: match[1] ?? '', content: match[2] ?? '' });
    }
    const element = found[at % found.length];
    if (!element) return was;
    const { index, text, name, content } = element;
    return { ...was, body: was.body.slice(0, index) + change(name, content) + was.body.slice(index + text.length) };
  };
}

const isJson = ({ body }: Answer) => body.startsWith('{');

const inside = Array.from({ length: Math.max(ofMember.length, ofElement.length) }, (_, index) => {
  const [member, element] = [ofMember[index % ofMember.length], ofElement[index % ofElement.length]];
  const name = `${member?.[0]} (JSON) or ${element?.[0]} (XML)`;
  const apply = (was: Answer, at: number) => (isJson(was) ? inJson(member?.[1] ?? set(null))(was, at) : inXml(element?.[1] ?? (() => ''))(was, at));
  return [name, apply] as const;
});

export const change: fc.Arbitrary<Change> = fc
  .tuple(fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...inside) }, { weight: 1, arbitrary: fc.constantFrom(...ofBody) }), fc.nat({ max: 10_000 }))
  .map(([[name, apply], at]) => ({ name, at, apply }));
