// Calls to the REST interface. Every failure is a Fault with a text that can be
// shown; nothing is retried here, and nothing that failed is taken as done.
import type { Decision, FieldError } from "./types.gen";

const base = "/api/v1";
const patience = 20_000; // milliseconds for one call

export class Fault extends Error {
  constructor(
    readonly status: number, // 0: the controller was not reached
    readonly code: string,
    text: string,
    readonly decision: Decision | null = null,
    readonly again = 0, // of this clock, milliseconds: before then it is refused
    readonly errors: readonly FieldError[] = [], // of single fields
  ) {
    super(text);
  }
}

// How far the controller's clock is ahead of this one, in milliseconds. The
// Date header has whole seconds, which is good enough for "waiting 12 s".
let skew = 0;
export const serverNow = (): number => Date.now() + skew;

export function learnClock(response: Response): void {
  const date = Date.parse(response.headers.get("Date") ?? "");
  if (Number.isNaN(date)) return;
  const off = date + 500 - Date.now();
  skew = Math.abs(off) < 1500 ? 0 : off;
}

export async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const init: RequestInit = {
    method,
    headers: { Accept: "application/json" },
    credentials: "same-origin",
    cache: "no-store",
    redirect: "error",
    signal: AbortSignal.timeout(patience),
  };
  if (body !== undefined) {
    init.headers = { ...init.headers, "Content-Type": "application/json" };
    init.body = JSON.stringify(body);
  }
  let response: Response;
  try {
    response = await fetch(base + path, init);
  } catch {
    throw new Fault(0, "unreachable", "The controller was not reached.");
  }
  learnClock(response);
  if (!response.ok) throw await problem(response);
  if (response.status === 204) return undefined as T;
  try {
    return (await response.json()) as T;
  } catch {
    throw new Fault(0, "unreachable", "The controller's answer was cut off.");
  }
}

export async function problem(response: Response): Promise<Fault> {
  let code = "", detail = "";
  let decision: Decision | null = null;
  let errors: readonly FieldError[] = [];
  try {
    const p = (await response.json()) as { code?: unknown; detail?: unknown; decision?: Decision; errors?: FieldError[] };
    if (typeof p.code === "string") code = p.code;
    if (typeof p.detail === "string") detail = p.detail;
    decision = p.decision ?? null;
    if (Array.isArray(p.errors)) errors = p.errors;
  } catch {
    // not a problem document: the status has to do
  }
  const text = sentence(detail) || `The controller answered ${response.status}.`;
  return new Fault(response.status, code, text, decision, response.status === 429 ? Date.now() + pause(response) : 0, errors);
}

// How long the controller asks to wait, in milliseconds.
function pause(response: Response): number {
  const seconds = Number(response.headers.get("Retry-After") ?? "");
  return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds, 3600) * 1000 : 5000;
}

function sentence(text: string): string {
  const t = text.trim();
  if (t === "") return "";
  const first = t.charAt(0).toUpperCase() + t.slice(1);
  return /[.!?]$/.test(first) ? first : first + ".";
}
