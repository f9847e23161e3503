// Small things that pages show.
import { useSignal } from "@preact/signals";
import type { ComponentChildren, VNode } from "preact";
import { ago, exactly, moment } from "../format";
import { Icon } from "../icons";
import { now } from "../state";
import { Plain } from "../text";
import { toast } from "./load";

// When shows how long ago or in how long; the exact time, in the viewer's zone, on
// hover.
export function When({ at, exact = false }: { at: string | null | undefined; exact?: boolean }): VNode {
  if (!at) return <span class="mute">never</span>;
  const ms = now.value - Date.parse(at);
  const text = exact ? moment(at, now.value) : ms < -3000 ? `in ${ago(-ms).replace(" ago", "")}` : ago(ms);
  return <time dateTime={at} title={exactly(at)}>{text}</time>;
}

export type Tone = "ok" | "no" | "warn" | "accent" | "";

// Chip is a state in a word and a colour.
export function Chip({ tone = "", children }: { tone?: Tone; children: ComponentChildren }): VNode {
  return <span class={`chip ${tone}`}>{children}</span>;
}

// CopyText shows a text with a button that copies it.
export function CopyText({ text, name, block = false }: { text: string; name: string; block?: boolean }): VNode {
  const done = useSignal(false);
  const copy = (): void => {
    if (/[^\P{Cc}\n]/u.test(text)) return toast("It has characters that can not be seen and that a terminal would obey, so it is not copied.", "no");
    navigator.clipboard.writeText(text).then(() => {
      done.value = true;
      setTimeout(() => { done.value = false; }, 1500);
    }, () => toast("The browser did not let it be copied. Mark it and copy it by hand.", "no"));
  };
  return <span class={block ? "copytext block" : "copytext"}><code><Plain text={text} limit={4000} lines /></code><button type="button" class="ghost" aria-label={`Copy ${name}`} title="Copy" onClick={copy}><Icon name={done.value ? "check" : "copy"} /></button></span>;
}

// save hands the browser a file.
export function save(name: string, type: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const a = document.createElement("a");
  a.href = url;
  a.download = name;
  a.click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

interface Bar { name: ComponentChildren; value: number; text?: string; tone?: Tone }

// Bars compares numbers.
export function Bars({ bars, label }: { bars: readonly Bar[]; label: string }): VNode {
  const most = Math.max(1, ...bars.map((b) => b.value));
  return (
    <ul class="bars-chart" aria-label={label}>
      {bars.map((b, n) => <li key={n}><span class="barname">{b.name}</span><span class="track">{b.value > 0 && <i class={b.tone ?? "accent"} style={{ width: `${(100 * b.value) / most}%` }} />}</span><b>{b.text ?? b.value}</b></li>)}
    </ul>
  );
}
