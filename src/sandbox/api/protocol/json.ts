/** The awsJson protocols, server side. */
import { JsonShapeDeserializer2, JsonShapeSerializer2, type JsonSettings } from '@smithy/core/protocols';
import { AwsError } from '../../errors.ts';
import { checkJsonTypes } from './json-types.ts';
import { UnknownOperation, type WireProtocol } from './wire.ts';

const EPOCH_SECONDS = 7;
const SETTINGS: JsonSettings = { timestampFormat: { useTrait: true, default: EPOCH_SECONDS }, jsonName: false };

export const awsJson: WireProtocol = {
  contentType: 'application/x-amz-json-1.1',

  codes: {
    missingToken: 'MissingAuthenticationTokenException',
    incompleteSignature: 'IncompleteSignatureException',
    invalidSignature: 'InvalidSignatureException',
    throttled: 'ThrottlingException',
    denied: 'AccessDeniedException',
  },

  unknownOperation: () => new UnknownOperation('UnknownOperationException', ''),

  readInput(operation, { body }) {
    const document = parse(body);
    if (operation.input.isUnitSchema()) return {};
    checkJsonTypes(operation.input, document);
    return new JsonShapeDeserializer2(SETTINGS).readObject(operation.input, document);
  },

  writeOutput(operation, output) {
    if (operation.output.isUnitSchema()) return { status: 200, body: '' };
    const serializer = new JsonShapeSerializer2(SETTINGS);
    serializer.write(operation.output, output);
    return { status: 200, body: serializer.flush() };
  },

  writeError(error, model) {
    const code = model?.name ?? error.code;
    const messageMember = model?.schema.getMemberSchemas()['Message'] ? 'Message' : 'message';
    const message = error.message === '' ? {} : { [messageMember]: error.message };
    return {
      status: model?.status ?? error.status,
      code,
      body: JSON.stringify({ __type: code, ...error.detail, ...message }),
    };
  },
};

/** awsJson1.0, here of a service that spoke Query before: an error also says what it is called there. */
export const awsJson10: WireProtocol = {
  ...awsJson,
  contentType: 'application/x-amz-json-1.0',

  writeError(error, model, context) {
    const answer = awsJson.writeError(error, model, context);
    const queryError = `${model?.queryCode ?? error.code};${answer.status < 500 ? 'Sender' : 'Receiver'}`;
    return { ...answer, headers: { 'x-amzn-query-error': queryError } };
  },
};

function parse(body: string) {
  try {
    return body.trim() === '' ? {} : JSON.parse(body);
  } catch {
    throw new AwsError('SerializationException', '');
  }
}
