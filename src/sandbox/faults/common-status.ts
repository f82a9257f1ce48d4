/** Errors that every service of AWS's can answer with. */

/** HTTP status of errors that stand in no service's model, where it is not 400. */
export const COMMON_STATUS: Readonly<Record<string, number>> = {
  AccessDenied: 403,
  InternalError: 500,
  InternalFailure: 500,
  InternalServerError: 500,
  ServiceUnavailable: 503,
  ServiceUnavailableException: 503,
};
