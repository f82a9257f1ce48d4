/** Actions that ask who a request comes from: kept in AWS's form, never performed. */
import type { Action, AuthenticateOidcActionConfig } from '@aws-sdk/client-elastic-load-balancing-v2';
import { AwsError } from '../../errors.ts';
import { validationError } from './lookup.ts';

/** The action types that may stand before the routing action. */
export const AUTHENTICATION = ['authenticate-oidc', 'authenticate-cognito', 'jwt-validation'];

/** What AWS fills in where a request does not say. */
const SESSION = {
  SessionCookieName: 'AWSELBAuthSessionCookie',
  Scope: 'openid',
  SessionTimeout: 604_800,
  OnUnauthenticatedRequest: 'authenticate',
} as const;

/** The action as AWS answers it. Throws AwsError where its configuration is missing, or the secret of an OIDC client. */
export function normaliseAuthentication(action: Action): Action {
  const { AuthenticateOidcConfig, AuthenticateCognitoConfig, JwtValidationConfig } = action;
  if (action.Type === 'authenticate-oidc' && AuthenticateOidcConfig) {
    return { ...action, AuthenticateOidcConfig: { ...SESSION, ...withoutSecret(AuthenticateOidcConfig) } };
  }
  if (action.Type === 'authenticate-cognito' && AuthenticateCognitoConfig) {
    return { ...action, AuthenticateCognitoConfig: { ...SESSION, ...AuthenticateCognitoConfig } };
  }
  if (action.Type === 'jwt-validation' && JwtValidationConfig) return action;
  throw validationError(`A configuration must be specified for an action of type '${action.Type}'`);
}

/** AWS never gives a client secret back, so the sandbox does not even keep it. */
function withoutSecret({ ClientSecret, UseExistingClientSecret, ...config }: AuthenticateOidcActionConfig): AuthenticateOidcActionConfig {
  if (ClientSecret !== undefined || UseExistingClientSecret === true) return config;
  throw new AwsError('InvalidLoadBalancerAction', 'A client secret must be specified for an authenticate-oidc action');
}
