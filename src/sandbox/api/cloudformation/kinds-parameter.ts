/** SSM parameters as resources of a stack. */
import { AwsError } from '../../errors.ts';
import { callWith, longName, type ResourceKind, tagsOf, textAt } from './kind.ts';

export const parameterKind: ResourceKind = {
  duration: 2_000,
  replacedBy: ['Name'],
  nameProperty: 'Name',
  // Its Tags property is a map, unlike everyone else's.
  taggable: false,
  async create(properties, context) {
    const Name = textAt(properties, 'Name') || `CFN-${longName(context)}`;
    await callWith(context.region, 'ssm', 'PutParameter', { ...properties, Name, Tags: tagsOf(properties) });
    return { physicalId: Name, attributes: { Type: textAt(properties, 'Type'), Value: textAt(properties, 'Value') } };
  },
  async update(physicalId, { Tags: _tags, ...properties }, _before, { region }) {
    await callWith(region, 'ssm', 'PutParameter', { ...properties, Name: physicalId, Overwrite: true });
  },
  async delete(physicalId, { region }) {
    try {
      await region.call('ssm', 'DeleteParameter', { Name: physicalId });
    } catch (error) {
      if (!(error instanceof AwsError && error.code === 'ParameterNotFound')) throw error;
    }
  },
};
