// A field for text with line numbers, and the lines that differ between two
// texts. The field is a plain one: every key does what it does elsewhere.
import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Icon } from "../icons";
import { Plain } from "../text";
import type { Fault } from "../types.gen";

interface CodeProps {
  name: string;
  text: string;
  set?: (text: string) => void; // none: it is only read
  faults?: readonly Fault[];
  least?: number; // lines
  most?: number;
}

export function CodeArea({ name, text, set, faults = [], least = 12, most = 34 }: CodeProps): VNode {
  const field = useRef<HTMLTextAreaElement>(null);
  const gutter = useRef<HTMLPreElement>(null);
  const lines = text.split("\n").length;
  const marks = new Map<number, Fault>();
  for (const f of faults) if (f.line > 0 && marks.get(f.line)?.severity !== "error") marks.set(f.line, f);
  useEffect(() => {
    const here = (e: Event): void => {
      const el = field.current, line = (e as CustomEvent<number>).detail;
      if (!el) return;
      const at = text.split("\n").slice(0, line - 1).reduce((n, row) => n + row.length + 1, 0);
      el.focus();
      el.setSelectionRange(at, at + (text.split("\n")[line - 1]?.length ?? 0));
      el.scrollTop = Math.max(0, (line - 6) * 20);
    };
    addEventListener("code-line", here);
    return () => removeEventListener("code-line", here);
  }, [text]);
  return (
    <div class="codearea" data-wrong={faults.some((f) => f.severity === "error") || undefined}>
      <pre ref={gutter} aria-hidden="true">{Array.from({ length: lines }, (_, n) => <i key={n} class={marks.get(n + 1)?.severity ?? ""}>{n + 1}{"\n"}</i>)}</pre>
      <textarea ref={field} aria-label={name} spellcheck={false} autocomplete="off" autocapitalize="off" wrap="off" dir="ltr" rows={Math.max(least, Math.min(most, lines + 1))} value={text} readOnly={!set}
        onInput={(e) => set?.(e.currentTarget.value)} onScroll={(e) => { if (gutter.current) gutter.current.scrollTop = e.currentTarget.scrollTop; }} />
    </div>
  );
}

// toLine puts the cursor of the field of text on a line.
export const toLine = (line: number): void => { setTimeout(() => dispatchEvent(new CustomEvent("code-line", { detail: line })), 60); };

// Faults lists what is wrong, each with its place.
export function Faults({ faults, go }: { faults: readonly Fault[]; go?: (f: Fault) => void }): VNode {
  const sorted = [...faults].sort((a, b) => Number(a.severity === "warning") - Number(b.severity === "warning") || a.line - b.line);
  return (
    <ul class="r-faults" aria-label="What is wrong">
      {sorted.slice(0, 20).map((f, n) => (
        <li key={n} class={f.severity}>
          <Icon name={f.severity === "error" ? "cross" : "warn"} />
          <span><b>{f.severity === "error" ? "Error" : "Warning"}</b>{f.line > 0 && go ? <button type="button" class="r-link" onClick={() => go(f)}>line {f.line}</button> : f.line > 0 && <span class="mute"> line {f.line}</span>} <Plain text={f.text} limit={500} /></span>
        </li>
      ))}
      {sorted.length > 20 && <li class="mute">and {sorted.length - 20} more</li>}
    </ul>
  );
}

interface Row { sign: string; text: string; a: number; b: number }

function rowsOf(diff: string): Row[] {
  const rows: Row[] = [];
  let a = 0, b = 0;
  for (const line of diff.replace(/\n$/, "").split("\n")) {
    const at = /^@@ -(\d+),\d+ \+(\d+),\d+ @@/.exec(line);
    if (at) {
      a = Number(at[1]);
      b = Number(at[2]);
      if (rows.length > 0) rows.push({ sign: "@", text: "", a: 0, b: 0 });
    } else if (a > 0 || b > 0) {
      const sign = line[0] ?? " ";
      rows.push({ sign, text: line.slice(1), a: sign === "+" ? 0 : a, b: sign === "-" ? 0 : b });
      if (sign !== "+") a++;
      if (sign !== "-") b++;
    }
  }
  return rows;
}

const signs: Record<string, string> = { "+": "added", "-": "removed" };

// Diff shows a difference in the unified form; "" is none.
export function Diff({ diff, name }: { diff: string; name: string }): VNode {
  if (diff === "") return <p class="mute">The texts are the same.</p>;
  const rows = rowsOf(diff), most = 1500;
  return (
    <div class="r-diff" role="region" aria-label={name} tabIndex={0}>
      <table><tbody>
        {rows.slice(0, most).map((r, n) => (
          <tr key={n} class={signs[r.sign] ?? (r.sign === "@" ? "gap" : "")}>
            <td>{r.a || ""}</td><td>{r.b || ""}</td><td>{signs[r.sign] ? <><span class="unseen">{signs[r.sign]}: </span><span aria-hidden="true">{r.sign}</span></> : r.sign === "@" ? "⋯" : ""}</td><td><code><Plain text={r.text} limit={2000} /></code></td>
          </tr>
        ))}
      </tbody></table>
      {rows.length > most && <p class="mute">{rows.length - most} further lines are not shown.</p>}
    </div>
  );
}
