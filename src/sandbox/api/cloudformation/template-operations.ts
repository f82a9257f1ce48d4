/** Calls that read a template without a stack being made of it. */
import type {
  GetTemplateInput, GetTemplateOutput, GetTemplateSummaryInput, GetTemplateSummaryOutput, ValidateTemplateInput, ValidateTemplateOutput,
} from '@aws-sdk/client-cloudformation';
import type { Region } from '../../parts.ts';
import { capabilityReason, neededCapability } from './capabilities.ts';
import { getChangeSet } from './change-set-lookup.ts';
import { getStack } from './lookup.ts';
import { invalid } from './section.ts';
import { readTemplate, type Template } from './template.ts';

export const templateOperations = {
  GetTemplate({ StackName: name, ChangeSetName }: GetTemplateInput, region: Region): GetTemplateOutput {
    if (ChangeSetName !== undefined) {
      const { changeSet } = getChangeSet(region, { StackName: name, ChangeSetName });
      return { TemplateBody: changeSet.definition.template, StagesAvailable: ['Original', 'Processed'] };
    }
    const stack = getStack(region, name, `Stack with id ${name} does not exist`);
    if (stack.definition.template === '') throw invalid('GetTemplate cannot be called on REVIEW_IN_PROGRESS stacks.');
    return { TemplateBody: stack.definition.template, StagesAvailable: ['Original', 'Processed'] };
  },

  GetTemplateSummary({ StackName: name, TemplateBody }: GetTemplateSummaryInput, region: Region): GetTemplateSummaryOutput {
    const text = name === undefined ? TemplateBody : getStack(region, name, `Stack with id ${name} does not exist`).definition.template;
    const template = readTemplate(needed(text));
    return {
      Description: template.description,
      Parameters: Object.entries(template.parameters).map(([key, declaration]) => ({
        ParameterKey: key,
        DefaultValue: declaration.default,
        ParameterType: declaration.type,
        NoEcho: declaration.noEcho,
        Description: declaration.description,
        ParameterConstraints: declaration.allowedValues && { AllowedValues: [...declaration.allowedValues] },
      })),
      ...capabilitiesOf(template),
      ResourceTypes: [...new Set(Object.values(template.resources).map(({ type }) => type))],
      Version: '2010-09-09',
    };
  },

  ValidateTemplate({ TemplateBody }: ValidateTemplateInput): ValidateTemplateOutput {
    const template = readTemplate(needed(TemplateBody));
    return {
      Description: template.description,
      Parameters: Object.entries(template.parameters).map(([key, declaration]) => ({
        ParameterKey: key,
        DefaultValue: declaration.default,
        NoEcho: declaration.noEcho,
        Description: declaration.description,
      })),
      ...capabilitiesOf(template),
    };
  },
};

function needed(text: string | undefined): string {
  if (text !== undefined) return text;
  throw invalid('Either Template URL or Template Body must be specified.');
}

function capabilitiesOf(template: Template): Pick<ValidateTemplateOutput, 'Capabilities' | 'CapabilitiesReason'> {
  const capability = neededCapability(template);
  return capability ? { Capabilities: [capability], CapabilitiesReason: capabilityReason(template) } : {};
}
