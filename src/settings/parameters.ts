/** What goes to CloudFormation as one parameter, and may be too long for it. */

/** Bytes; https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html */
export const LONGEST_PARAMETER = 4_096;

/** @param values parameters by the setting that they come from; what is undefined is left out. */
export function lengthProblems(values: Readonly<Record<string, string | undefined>>): string[] {
  return Object.entries(values).flatMap(([setting, value = '']) => {
    const length = Buffer.byteLength(value);
    return length > LONGEST_PARAMETER ? [`${setting} is too long: what it names comes to ${length} bytes, and CloudFormation takes ${LONGEST_PARAMETER} at most.`] : [];
  });
}
