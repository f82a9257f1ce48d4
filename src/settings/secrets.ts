/** `SECRETS`: values of Secrets Manager and Parameter Store that a container gets as variables. */

/** ARNs by the variable that holds the value. */
export type Secrets = Readonly<Record<string, string>>;

export const SECRETS_LOOK =
  'names and ARNs of Secrets Manager or Parameter Store, such as DB_PASSWORD=arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-AbCdEf';

const NAME = /^[A-Za-z_]\w*$/;
const SECRET = /^arn:aws[a-z-]*:secretsmanager:[a-z\d-]+:\d{12}:secret:[\w/+=.@-]+(:[^:,]*:[^:,]*:[^:,]*)?$/;
/** A name may end like that by itself: then only Secrets Manager knows. */
const COMPLETE = /:secret:[^:]+-[A-Za-z\d]{6}(:|$)/;
const PARAMETER = /^arn:aws[a-z-]*:ssm:[a-z\d-]+:\d{12}:parameter\/[\w/.-]+$/;

/** undefined when the text is not what `SECRETS_LOOK` says. */
export function parseSecrets(text: string): Secrets | undefined {
  const pairs = text.split(',').map((item): [string, string] => {
    const [name = '', ...arn] = item.trim().split('=');
    return [name, arn.join('=')];
  });
  const isGood = pairs.every(([name, arn]) => NAME.test(name) && (SECRET.test(arn) || PARAMETER.test(arn)));
  const names = new Set(pairs.map(([name]) => name));
  // The generated task definition sets PORT itself, and a container can't have a variable twice.
  return isGood && names.size === pairs.length && !names.has('PORT') ? Object.fromEntries(pairs) : undefined;
}

/** Name of the first that is given by an ARN without the hyphen and six characters that Secrets Manager adds to a secret's name. */
export function partialSecret(secrets: Secrets): string | undefined {
  return Object.entries(secrets).find(([, arn]) => SECRET.test(arn) && !COMPLETE.test(arn))?.[0];
}

/**
 * What is to be done about it. ECS asks for the whole ARN, and a policy that names less fits no secret:
 * https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot.html#ARN_secretnamehyphen
 */
export function completing(name: string): string {
  return (
    `names and whole ARNs: that of ${name} lacks the hyphen and the six characters that Secrets Manager adds to a name, as in db-AbCdEf ` +
    '(aws secretsmanager describe-secret --secret-id NAME shows them)'
  );
}

/** What a policy has to allow: each secret as a whole, without the key and the version that ECS reads of it, and each parameter. */
export function resourcesOf(secrets: Secrets): { readonly secrets: readonly string[]; readonly parameters: readonly string[] } {
  const arns = [...new Set(Object.values(secrets))];
  const whole = arns.filter((arn) => SECRET.test(arn)).map((arn) => arn.split(':').slice(0, 7).join(':'));
  return { secrets: [...new Set(whole)].toSorted(), parameters: arns.filter((arn) => PARAMETER.test(arn)).toSorted() };
}
