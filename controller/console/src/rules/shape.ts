// What the editor knows of the language of rules: the parts of a rule as the
// controller gives them as JSON, and how to change one of them. Everything that
// is not known here stays in the object as it is.
import type { Tone } from "../ui/bits";

export type Part = Record<string, unknown>;

export const obj = (v: unknown): Part => (typeof v === "object" && v !== null && !Array.isArray(v) ? (v as Part) : {});
export const arr = (v: unknown): unknown[] => (Array.isArray(v) ? v : []);
export const str = (v: unknown): string => (typeof v === "string" || typeof v === "number" ? String(v) : "");
export const words = (v: unknown): string[] => arr(v).map(str);

// A text, or a regular expression for all of it.
export type Pattern = string | { regex: string };
export const pattern = (v: unknown): { kind: "text" | "regex"; text: string } =>
  "regex" in obj(v) ? { kind: "regex", text: str(obj(v)["regex"]) } : { kind: "text", text: str(v) };
export const asPattern = (kind: "text" | "regex", text: string): Pattern | undefined => (text === "" && kind === "text" ? undefined : kind === "regex" ? { regex: text } : text);

export type ArgKind = "text" | "any" | "regex" | "rest";
export function arg(v: unknown): { kind: ArgKind; text: string } {
  const o = obj(v);
  if ("regex" in o) return { kind: "regex", text: str(o["regex"]) };
  if ("any" in o) return { kind: "any", text: "" };
  if ("rest" in o) return { kind: "rest", text: "" };
  return { kind: "text", text: str(v) };
}
export const asArg = (kind: ArgKind, text: string): unknown => (kind === "text" ? text : kind === "regex" ? { regex: text } : kind === "any" ? { any: true } : { rest: true });

// put gives the object with another value below the keys; undefined takes it away,
// and with it what is empty then.
export function put(o: unknown, keys: readonly (string | number)[], value: unknown): unknown {
  const [key, ...rest] = keys;
  if (key === undefined) return value;
  if (typeof key === "number") {
    const list = [...arr(o)];
    const next = put(list[key], rest, value);
    if (next === undefined) list.splice(key, 1);
    else list[key] = next;
    return list;
  }
  const all = { ...obj(o) };
  const next = put(all[key], rest, value);
  if (next === undefined || rest.length > 0 && key !== "match" && Object.keys(obj(next)).length === 0 && !Array.isArray(next)) delete all[key];
  else all[key] = next;
  return all;
}

export const outcomes: Record<string, { word: string; tone: Tone; says: string; would: string }> = {
  approve: { word: "Approve", tone: "ok", says: "approves", would: "would approve" },
  require: { word: "Ask a person", tone: "warn", says: "asks a person about", would: "would ask a person about" },
  deny: { word: "Deny", tone: "no", says: "denies", would: "would deny" },
  ask: { word: "Ask a person", tone: "warn", says: "asks a person about", would: "would ask a person about" },
};

// outcome is a decision as the replay writes it: "approve: apt-update".
export function outcome(text: string): { word: string; tone: Tone; rest: string } {
  const [kind = "", rest = ""] = text.split(/: (.*)/s, 2);
  const o = outcomes[kind];
  return { word: o?.word ?? kind, tone: o?.tone ?? "", rest };
}

// keyAt names the field of the form that a fault at this place is about: a key of
// the rule, or "tests".
export function keyAt(text: string, line: number, col: number): string {
  const lines = text.split("\n");
  let depth = Infinity;
  let found = "";
  for (let n = line - 1; n >= 0; n--) {
    const row = lines[n] ?? "";
    const indent = row.search(/\S/);
    if (indent < 0 || row.trimStart().startsWith("#")) continue;
    if (indent === 0 && /^tests:/.test(row)) return "tests";
    if (found !== "" || n < line - 1 && indent >= depth) continue;
    const upTo = n === line - 1 ? row.slice(0, Math.max(col, 1) + 24) : row;
    for (const m of upTo.matchAll(/(?:^|[\s{,-])([a-z_0-9]+):(?=\s|$)/g)) {
      const at = m.index + m[0].length;
      if (n !== line - 1 || at <= col || m.index + 1 <= col && m.index + m[0].indexOf(m[1] ?? "") + 1 >= col) found = m[1] ?? "";
    }
    depth = indent;
  }
  return found;
}

// unified compares two texts and writes the lines that differ in the usual form.
export function unified(before: string, after: string, names: readonly [string, string]): string {
  if (before === after) return "";
  const a = before.replace(/\n$/, "").split("\n"), b = after.replace(/\n$/, "").split("\n");
  let head = 0, tail = 0;
  while (head < a.length && head < b.length && a[head] === b[head]) head++;
  while (tail < a.length - head && tail < b.length - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail++;
  const steps = middle(a.slice(head, a.length - tail), b.slice(head, b.length - tail));
  const from = Math.max(0, head - 3), to = Math.min(tail, 3);
  const rows = [...a.slice(from, head).map((t) => ` ${t}`), ...steps, ...a.slice(a.length - tail, a.length - tail + to).map((t) => ` ${t}`)];
  const count = (sign: string): number => rows.filter((r) => r[0] !== sign).length;
  return `--- ${names[0]}\n+++ ${names[1]}\n@@ -${from + 1},${count("+")} +${from + 1},${count("-")} @@\n${rows.join("\n")}\n`;
}

// middle is the way from a to b by the longest common part, unless that is much work.
function middle(a: readonly string[], b: readonly string[]): string[] {
  if (a.length * b.length > 1_000_000) return [...a.map((t) => `-${t}`), ...b.map((t) => `+${t}`)];
  const w = b.length + 1;
  const common = new Uint32Array((a.length + 1) * w);
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      common[i * w + j] = a[i] === b[j] ? (common[(i + 1) * w + j + 1] ?? 0) + 1 : Math.max(common[(i + 1) * w + j] ?? 0, common[i * w + j + 1] ?? 0);
    }
  }
  const out: string[] = [];
  let i = 0, j = 0;
  while (i < a.length || j < b.length) {
    if (i < a.length && j < b.length && a[i] === b[j]) { out.push(` ${a[i]}`); i++; j++; }
    else if (i < a.length && (j === b.length || (common[(i + 1) * w + j] ?? 0) >= (common[i * w + j + 1] ?? 0))) out.push(`-${a[i++]}`);
    else out.push(`+${b[j++]}`);
  }
  return out;
}
