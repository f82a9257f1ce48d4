/**
 * Keeps what AWS answers in a rule's actions and the SDK, whose model is older, drops; and sends it back with the rule.
 *
 * ELBv2 answers XML and takes a form, both in the same names: an element's path is the name of its parameter. What XML does
 * not tell apart can't be brought back for certain: an empty structure is sent as an empty value, and a list without
 * `<member>` that has one item as a plain value. What AWS knows of a rule beside its actions needs nothing: it stays when it
 * is not sent.
 */
import type { DescribeRulesCommand, ElasticLoadBalancingV2Client, Rule } from '@aws-sdk/client-elastic-load-balancing-v2';
import { parseXML } from '@aws-sdk/xml-builder';
import { collectBody, HttpRequest, HttpResponse } from '@smithy/core/protocols';
import type { MiddlewareStack } from '@smithy/types';

/** Form parameters, named from the list of actions downwards: `.member.1.ForwardConfig.Shadow`. */
export type UnknownMembers = readonly (readonly [name: string, value: string])[];

export type WholeRule = Rule & { readonly unknown: UnknownMembers };

/**
 * A page of DescribeRules, with what the SDK drops of the rules' actions.
 * @returns the rules and the marker of the next page. Throws as `client.send` does.
 */
export async function describeRules(
  client: ElasticLoadBalancingV2Client,
  command: DescribeRulesCommand,
): Promise<readonly [WholeRule[], string | undefined]> {
  let body: Uint8Array = new Uint8Array();
  command.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      if (!HttpResponse.isInstance(result.response)) return result;
      body = await collectBody(result.response.body, client.config);
      result.response.body = body;
      return result;
    },
    // Of this step's middleware, low priority comes before the one that parses.
    { step: 'deserialize', priority: 'low', name: 'keepBody' },
  );
  const { Rules = [], NextMarker } = await client.send(command);
  if (Rules.length === 0) return [[], NextMarker];
  const actions = actionsOf(new TextDecoder().decode(body));
  const rules = Rules.map((rule, index) => ({ ...rule, unknown: unknownIn(actions[index] ?? '', rule.Actions ?? [], '') }));
  return [rules, NextMarker];
}

/**
 * The command, which will also send these members.
 * @param command ModifyRule or ModifyListener, with all actions, and all that is listed in them, in the positions they were read in.
 * @param list the command's name for the actions.
 */
export function alsoSending<Input extends object, Output extends object, Command>(
  command: Command & { middlewareStack: MiddlewareStack<Input, Output> },
  list: 'Actions' | 'DefaultActions',
  unknown: UnknownMembers,
): Command {
  const parameters = unknown.map(([name, value]) => `&${encodeURIComponent(list + name)}=${encodeURIComponent(value)}`).join('');
  command.middlewareStack.add(
    (next) => (args) => {
      if (!HttpRequest.isInstance(args.request)) throw new TypeError('The SDK sent no HTTP request.');
      args.request.body += parameters;
      return next(args);
    },
    // Of this step's middleware, low priority comes after the one that writes the form.
    { step: 'serialize', priority: 'low', name: 'sendUnknownMembers' },
  );
  return command;
}

/** An XML element: its text, or its children by name, in an array where several have the same. */
type Element = string | Children;
interface Children {
  readonly [name: string]: Element | Element[];
}

/** With at least one rule. */
interface Answer {
  readonly DescribeRulesResponse: { readonly DescribeRulesResult: { readonly Rules: { readonly member: RuleElement | RuleElement[] } } };
}

interface RuleElement {
  readonly Actions?: Element;
}

/** The actions of each rule of an answer. */
function actionsOf(xml: string): (Element | undefined)[] {
  const { DescribeRulesResponse }: Answer = parseXML(xml);
  return [DescribeRulesResponse.DescribeRulesResult.Rules.member].flat().map(({ Actions }) => Actions);
}

/** What the query protocol calls the items of a list, and those of a map. */
const ITEMS = ['member', 'entry'];

/**
 * The texts in an element that the SDK's own reading of it lacks.
 * @param known that reading; undefined where there is none.
 */
function unknownIn(element: Element, known: unknown, name: string): UnknownMembers {
  if (typeof element === 'string') return known === undefined ? [[name, element]] : [];
  const members = membersOf(known);
  return Object.entries(element).flatMap(([tag, content]) => {
    const path = `${name}.${tag}`;
    const counterpart = tag === 'member' ? known : members.get(tag);
    // The SDK reads the entries of a map into an object, and drops nothing of them.
    if (tag === 'entry' && known !== undefined) return [];
    if (!Array.isArray(content) && !ITEMS.includes(tag)) return unknownIn(content, counterpart, path);
    const items = membersOf(counterpart);
    return [content].flat().flatMap((item, index) => unknownIn(item, items.get(String(index)), `${path}.${index + 1}`));
  });
}

/** By name or, in a list, by index. */
function membersOf(known: unknown): ReadonlyMap<string, unknown> {
  return new Map(Object.entries(Object(known)));
}
