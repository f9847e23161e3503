// The proof that an event is in the signed log, counted here and not believed:
// the hashes from the event's leaf up must lead to the root that the checkpoint
// signs (RFC 6962).
import type { EventProof } from "../types.gen";

const bytes = (base64: string): Uint8Array<ArrayBuffer> => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));

async function hash(first: number, ...parts: readonly Uint8Array[]): Promise<Uint8Array> {
  const all = new Uint8Array(1 + parts.reduce((n, p) => n + p.length, 0));
  all[0] = first;
  let at = 1;
  for (const p of parts) { all.set(p, at); at += p.length; }
  return new Uint8Array(await crypto.subtle.digest("SHA-256", all));
}

// leads reports whether the proof holds; null where the browser can not count it.
export async function leads({ event, checkpoint }: EventProof): Promise<boolean | null> {
  if (!("subtle" in crypto)) return null;
  const lines = checkpoint.note.split("\n");
  const size = Number(lines[1]), root = bytes(lines[2] ?? "");
  let node = event.seq - 1, last = size - 1;
  if (!(node >= 0 && node <= last) || size !== checkpoint.size) return false;
  let r = await hash(0, bytes(event.leaf));
  for (const p of event.path.map(bytes)) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      r = await hash(1, p, r);
      while (node % 2 === 0 && node > 0) { node /= 2; last = Math.floor(last / 2); }
    } else {
      r = await hash(1, r, p);
    }
    node = Math.floor(node / 2);
    last = Math.floor(last / 2);
  }
  return last === 0 && r.length === root.length && r.every((b, i) => b === root[i]);
}
