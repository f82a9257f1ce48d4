/** What a parameter may be called. */
import { AwsError } from '../../errors.ts';

const LONGEST = 1_011;
const MOST_LEVELS = 15;

/** Throws AwsError for a name that Parameter Store refuses. */
export function checkName(name: string): void {
  const path = name.replace(/^\//, '').toLowerCase();
  if (path.startsWith('aws')) throw new AwsError('AccessDeniedException', `No access to reserved parameter name: ${name}.`);
  if (path.startsWith('ssm') || !/^[\w.\-/]+$/.test(name) || name.length > LONGEST || /\/\/|\/$/.test(name)) {
    throw new AwsError(
      'ValidationException',
      'Parameter name: can\'t be prefixed with "ssm" (case-insensitive). If formed as a path, it can consist of sub-paths divided by slash ' +
        'symbol; each sub-path can be formed as a mix of letters, numbers and the following 3 symbols .-_',
    );
  }
  if (name.includes('/') && !name.startsWith('/')) {
    throw new AwsError('ValidationException', 'Parameter name must be a fully qualified name.');
  }
  if (path.split('/').length > MOST_LEVELS) {
    throw new AwsError('HierarchyLevelLimitExceededException', `The hierarchy can have a maximum of ${MOST_LEVELS} levels.`);
  }
}

/** Throws AwsError ValidationException for what is no path of parameters. */
export function checkPath(path: string): void {
  if (!/^\/[\w.\-/]*$/.test(path)) {
    throw new AwsError(
      'ValidationException',
      'The parameter doesn\'t meet the parameter name requirements. The parameter name must begin with a forward slash "/". ' +
        'It can\'t be prefixed with \\"aws\\" or \\"ssm\\" (case-insensitive). It must use only letters, numbers, or the following symbols: ' +
        '. (period), - (hyphen), _ (underscore). Special characters are not allowed. All sub-paths, if specified, must use the forward ' +
        'slash symbol "/". Valid example: /get/parameters2-/by1./path0_.',
    );
  }
}
