/** Go's path patterns, which COPY and `.dockerignore` use: `*`, `?`, `[a-z]`, and a backslash before what is meant literally. */

const TOKEN = /\\(.)|(\*+)|(\?)|(\[[^\]]+\])|[^\\*?[]|\[|\\/g;

/** The source of a regular expression that matches what `pattern` does. A star stays within one folder. */
export function globSource(pattern: string): string {
  return pattern.replaceAll(TOKEN, (all, escaped?: string, star?: string, any?: string, set?: string) => {
    if (star) return '[^/]*';
    if (any) return '[^/]';
    if (set) return set;
    return (escaped ?? all).replace(/[\\^$.*+?()[\]{}|]/, String.raw`\$&`);
  });
}
