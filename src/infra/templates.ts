/** The two CloudFormation templates, as text. */
import base from './templates/base.yaml';
import service from './templates/service.yaml';

export const templates = { base, service } as const;
