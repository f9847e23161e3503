// What the document of the REST interface does not name; everything else that
// the console reads is in types.gen.ts.

import type { AuditEvent, Request } from "./types.gen";

export type Verdict = "approved" | "denied";

// Page is a list as far as every list is alike.
export interface Page<T> {
  items: T[];
  next_cursor?: string;
  total: number;
  total_is_lower_bound: boolean;
}

// LiveData is what the stream of events brings: an event of the audit log, with
// the request as it is now in place of its id.
export interface LiveData extends Omit<AuditEvent, "request"> {
  request?: Request;
}
