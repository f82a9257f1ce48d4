/** Names of AWS regions: `eu-central-1`, `us-gov-west-1`. They also name the files of their state. */

const PATTERN = /^[a-z]{2,4}(-[a-z]+)+-\d{1,2}$/;

export function isRegionName(text: string): boolean {
  return PATTERN.test(text);
}
