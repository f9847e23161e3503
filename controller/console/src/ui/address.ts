// Addresses with a query: those of pages, and those of REST; and labels, as they
// stand in one.
import { go } from "../route";
import type { Labels } from "./fields";

function written(path: string, query: URLSearchParams): string {
  const text = query.toString();
  return path + (text && `?${text}`);
}

// asked writes a path with its query; empty values are left out.
export const asked = (path: string, query: Readonly<Record<string, string>>): string =>
  written(path, new URLSearchParams(Object.entries(query).filter(([, v]) => v !== "")));

// narrowed is a page's address with some filters changed; empty ones are left out.
export function narrowed(path: string, query: URLSearchParams, change: Readonly<Record<string, string>>): string {
  const next = new URLSearchParams(query);
  for (const [k, v] of Object.entries(change)) {
    if (v === "") next.delete(k);
    else next.set(k, v);
  }
  return written(path, next);
}

export const narrow = (path: string, query: URLSearchParams, change: Readonly<Record<string, string>>): void => go(narrowed(path, query, change), true);

// labelText and labelsOf turn labels into k=v,k=v and back; null is no such text.
export const labelText = (labels: Labels): string => Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, v]) => `${k}=${v}`).join(",");

export function labelsOf(text: string): Record<string, string> | null {
  const out: Record<string, string> = {};
  for (const part of text.split(",").map((p) => p.trim()).filter(Boolean)) {
    const at = part.indexOf("=");
    if (at < 1) return null;
    out[part.slice(0, at).trim()] = part.slice(at + 1).trim();
  }
  return out;
}
