import { parseDockerignore } from '../../src/image/dockerignore.ts';

test.each<[rules: string[], ignored: string[], kept: string[]]>([
  [['node_modules'], ['node_modules', 'node_modules/a/b'], ['x/node_modules', 'node_modules2']],
  [['**/node_modules'], ['node_modules/a', 'x/node_modules/b', 'x/y/node_modules'], ['x/my_node_modules']],
  [['*.md', '!README.md'], ['a.md'], ['README.md', 'x/a.md']],
  [['README.md', '*', '!*.js'], ['README.md', 'a/b'], ['a.js']],
  [['*', '!src'], ['a', 'a/b'], ['src', 'src/b/c']],
  [['src', '!src/keep.js'], ['src/a.js', 'src'], ['src/keep.js']],
  [['!a', 'a'], ['a'], []],
  [['a', '!a/b', 'a/b/c'], ['a/x', 'a/b/c'], ['a/b', 'a/b/d']],
  [['/a', './b', 'c/', '  d  ', 'e/../f'], ['a', 'b', 'c/x', 'd', 'f'], ['e']],
  [['docs/**/*.txt'], ['docs/a.txt', 'docs/x/y/a.txt'], ['a.txt', 'docs/a.md']],
  [['**'], ['a', 'a/b'], []],
  [['build/**'], ['build/a/b'], ['build']],
  [['a?b', '[ab]c', '[^x]y'], ['axb', 'ac', 'bc', 'zy'], ['a/b', 'cc', 'xy']],
  [['a.b', 'c+d', String.raw`e\*`], ['a.b', 'c+d', 'e*'], ['axb', 'ccd', 'ex']],
  [['# a', '', '!', '/', '.'], [], ['a', '# a']],
])('%j', (rules, ignored, kept) => {
  for (const separator of ['\n', '\r\n']) {
    const parsed = parseDockerignore(rules.join(separator));
    expect(ignored.filter((path) => !parsed.ignores(path))).toEqual([]);
    expect(kept.filter((path) => parsed.ignores(path))).toEqual([]);
  }
});
