/** Text in columns. */

/** Rows with their cells side by side, two spaces apart, each column as wide as its widest cell. */
export function aligned(rows: readonly (readonly string[])[]): string[] {
  const columns = Math.max(0, ...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, column) => widest(rows, column));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd());
}

/** Length of the longest cell of a column. */
export function widest(rows: readonly (readonly string[])[], column: number): number {
  return Math.max(0, ...rows.map((row) => row[column]?.length ?? 0));
}

/** The text, or as much of it as fits and an ellipsis. */
export function shortened(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}
