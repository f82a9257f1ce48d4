/** An error as AWS answers it: `code` and `message` are AWS's own. Handlers throw it; the protocol layer puts it on the wire. */
export class AwsError extends Error {
  override readonly name = 'AwsError';
  readonly code: string;
  readonly status: number;
  /** Further members of the error's shape, where it has any. */
  readonly detail: Readonly<Record<string, unknown>>;

  /**
   * @param code the error shape's name as the API model spells it (`ClusterNotFoundException`, `TargetGroupNotFound`, …);
   *   the protocol layer looks up its wire code and HTTP status there. A code that is not in the model goes out as it is.
   * @param status the HTTP status for a code that is not in the model.
   */
  constructor(code: string, message: string, status = 400, detail: Readonly<Record<string, unknown>> = {}) {
    super(message);
    this.code = code;
    this.status = status;
    this.detail = detail;
  }
}
