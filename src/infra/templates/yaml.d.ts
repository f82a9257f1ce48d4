/** YAML files are imported as text: by the build, and by the tests. */
declare module '*.yaml' {
  const text: string;
  export default text;
}
