// What the list of the queue is narrowed to. It stands in the address, so that a
// view can be sent to a colleague, and in saved views.
import { signal } from "@preact/signals";
import { basename } from "../format";
import type { Request } from "../types.gen";

export const groupings = ["program", "publisher", "user", "endpoint"] as const;
export type Grouping = (typeof groupings)[number];

export interface Filter {
  q: string;
  priority: string; // several with commas
  team: string;
  user: string;
  endpoint: string;
  program: string;
  publisher: string;
  access_type: string;
  group: Grouping | "";
}

export const none: Filter = { q: "", priority: "", team: "", user: "", endpoint: "", program: "", publisher: "", access_type: "", group: "" };
const fields = Object.keys(none) as (keyof Filter)[];

export const filter = signal<Filter>(none);

export const narrowed = (f: Filter): boolean => fields.some((k) => k !== "group" && f[k] !== "");

// query writes a filter as it stands in the address; those without a value are
// left out.
export function query(f: Filter): string {
  const out = new URLSearchParams();
  for (const k of fields) if (f[k] !== "") out.set(k, f[k]);
  return out.toString();
}

export function parse(text: string): Filter {
  const of = new URLSearchParams(text);
  const f: Filter = { ...none };
  for (const k of fields) {
    const v = (of.get(k) ?? "").slice(0, 200);
    if (k !== "group") f[k] = v;
    else if (groupings.some((g) => g === v)) f.group = v as Grouping;
  }
  return f;
}

// narrow changes parts of the filter; the same filter stays the same thing.
export function narrow(part: Partial<Filter>): void {
  const next = { ...filter.value, ...part };
  if (query(next) !== query(filter.value)) filter.value = next;
}

// asked is the filter as the REST interface takes it.
export function asked(f: Filter): string {
  return query({ ...f, group: "" });
}

const same = (a: string | null | undefined, b: string): boolean => (a ?? "").toLowerCase() === b.toLowerCase();

// matches says of news whether they belong to the list. The controller decides
// with the next reading; this is so that they appear at once.
export function matches(r: Request, f: Filter): boolean {
  const name = basename(r.subject.path);
  if (f.priority !== "" && !f.priority.split(",").includes(r.priority.value)) return false;
  if (f.access_type !== "" && !f.access_type.split(",").includes(r.access_type)) return false;
  if (f.user !== "" && !same(r.user.name, f.user) && r.user.uid !== f.user) return false;
  if (f.endpoint !== "" && r.endpoint.id !== f.endpoint && !same(r.endpoint.name, f.endpoint)) return false;
  if (f.program !== "" && name !== f.program) return false;
  if (f.publisher !== "" && r.subject.publisher?.name !== f.publisher) return false;
  if (f.team !== "" && !r.approvals.stages.some((s) => s.team === f.team || same(s.name, f.team))
    && !r.escalations.some((e) => e.team === f.team || same(e.name, f.team))) return false;
  if (f.q === "") return true;
  const text = [r.user.name, r.user.display, r.subject.path, ...r.subject.args, r.justification, r.ticket, r.endpoint.name, r.id].join(" ").toLowerCase();
  return f.q.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}
