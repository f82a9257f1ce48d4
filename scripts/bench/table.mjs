// Tables as Markdown shows them.

/** @param head names of the columns: those that begin with `#` hold numbers. */
export function table(head, rows) {
  const names = head.map((name) => name.replace(/^#/, ''));
  const rules = head.map((name) => (name.startsWith('#') ? '---:' : '---'));
  return [names, rules, ...rows].map((cells) => `| ${cells.join(' | ')} |\n`).join('');
}
