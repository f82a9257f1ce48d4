/** Reads the two parts of a certificate that Node's `X509Certificate` does not give: its signature algorithm and its key usage. */

interface Element {
  readonly tag: number;
  readonly content: Buffer;
}

/** `[3]` in a certificate: its extensions. */
const EXTENSIONS = 0xa3;
const KEY_USAGE = '2.5.29.15';

/** The object identifier of the algorithm that a certificate is signed with. @param raw a certificate that was parsed already, as DER. */
export function signatureOid(raw: Buffer): string {
  const [, algorithm] = childrenOf(elementsOf(raw)[0]);
  return oidOf(childrenOf(algorithm)[0]);
}

/** The numbers of the bits that its key usage extension has set; undefined where it has none. @param raw as above. */
export function keyUsageBits(raw: Buffer): number[] | undefined {
  const [body] = childrenOf(elementsOf(raw)[0]);
  const extensions = childrenOf(childrenOf(body).find(({ tag }) => tag === EXTENSIONS)).flatMap(childrenOf);
  const found = extensions.map(childrenOf).find(([id]) => oidOf(id) === KEY_USAGE);
  const value = found?.at(-1);
  if (!value) return undefined;
  // A bit string begins with the number of bits that its last byte does not use; those are 0.
  const bytes = [...(elementsOf(value.content)[0]?.content ?? [])].slice(1);
  return bytes.flatMap((byte, at) => [0, 1, 2, 3, 4, 5, 6, 7].flatMap((bit) => ((byte >> (7 - bit)) & 1 ? at * 8 + bit : [])));
}

function childrenOf(element: Element | undefined): Element[] {
  return element ? elementsOf(element.content) : [];
}

function elementsOf(bytes: Buffer): Element[] {
  const elements: Element[] = [];
  let rest = bytes;
  while (rest.length > 0) {
    const [tag = 0, first = 0] = rest;
    // From 128 on, the first byte says how many bytes hold the length.
    const lengthBytes = first < 128 ? 0 : first - 128;
    const length = lengthBytes === 0 ? first : rest.readUIntBE(2, lengthBytes);
    const start = 2 + lengthBytes;
    elements.push({ tag, content: rest.subarray(start, start + length) });
    rest = rest.subarray(start + length);
  }
  return elements;
}

function oidOf(element: Element | undefined): string {
  const numbers: number[] = [];
  let number = 0;
  for (const byte of element?.content ?? []) {
    number = number * 128 + (byte & 127);
    if (byte < 128) {
      numbers.push(number);
      number = 0;
    }
  }
  const [first = 0, ...others] = numbers;
  const top = Math.min(Math.floor(first / 40), 2);
  return [top, first - top * 40, ...others].join('.');
}
