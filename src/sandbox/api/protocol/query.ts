/** The awsQuery protocol, server side: form in, XML out. */
import { XmlShapeSerializer } from '@aws-sdk/core/protocols';
import type { StaticStructureSchema } from '@smithy/types';
import type { AwsError } from '../../errors.ts';
import type { OperationModel } from './model.ts';
import { readForm } from './query-form.ts';
import { type AnswerContext, type ErrorAnswer, type RequestParts, UnknownOperation, type WireProtocol } from './wire.ts';

const RFC3339 = 5;

export const awsQuery: WireProtocol = {
  contentType: 'text/xml',

  codes: {
    missingToken: 'MissingAuthenticationToken',
    incompleteSignature: 'IncompleteSignature',
    invalidSignature: 'SignatureDoesNotMatch',
    throttled: 'Throttling',
    denied: 'AccessDenied',
  },

  unknownOperation: (operation, version) =>
    operation === ''
      ? new UnknownOperation('MissingAction', 'The request is missing an action or a required parameter.')
      : new UnknownOperation('InvalidAction', `Could not find operation ${operation} for version ${version}`),

  readInput: (operation, request) => readForm(operation.input, formOf(request)),

  writeOutput(operation, output, { requestId, xmlNamespace }) {
    const serializer = new XmlShapeSerializer({
      timestampFormat: { useTrait: true, default: RFC3339 },
      httpBindings: false,
      xmlNamespace,
      serviceNamespace: '',
    });
    serializer.write(envelope(operation), { [`${operation.name}Result`]: output, ResponseMetadata: { RequestId: requestId } });
    return { status: 200, body: serializer.flush() };
  },

  writeError(error, model, { requestId, xmlNamespace }) {
    const status = model?.queryStatus ?? error.status;
    const code = model?.queryCode ?? error.code;
    return { status, code, body: xmlError(error, { status, code, requestId, xmlNamespace }) };
  },
};

/** The parameters of a Query request: they may stand in its URL, too. */
export function formOf({ query, body }: RequestParts): string {
  return [query, body].filter((part) => part !== '').join('&');
}

/** An error as the protocols write it that answer in XML. */
export function xmlError(error: AwsError, { status, code, requestId, xmlNamespace }: AnswerContext & Pick<ErrorAnswer, 'status' | 'code'>): string {
  const type = status < 500 ? 'Sender' : 'Receiver';
  const members: [string, unknown][] = Object.entries({ Type: type, Code: code, Message: error.message, ...error.detail });
  const xml = members.map(([name, value]) => `<${name}>${escapeXml(String(value))}</${name}>`).join('');
  return `<ErrorResponse xmlns="${xmlNamespace}"><Error>${xml}</Error><RequestId>${requestId}</RequestId></ErrorResponse>`;
}

const STRING = 0;
const METADATA: StaticStructureSchema = [3, '', 'ResponseMetadata', 0, ['RequestId'], [STRING]];

/** The structure that a Query answer is: the operation's output and the request id, or the id alone. */
function envelope({ name, output }: OperationModel): StaticStructureSchema {
  return output.isUnitSchema()
    ? [3, '', `${name}Response`, 0, ['ResponseMetadata'], [METADATA]]
    : [3, '', `${name}Response`, 0, [`${name}Result`, 'ResponseMetadata'], [() => output.getSchema(), METADATA]];
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
