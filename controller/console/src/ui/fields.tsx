// Fields of forms. A form is <form class="form">; each label holds its field.
import { useSignal } from "@preact/signals";
import type { ComponentChildren, VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Icon } from "../icons";
import { Plain } from "../text";
import { useKept } from "./typed";

interface FieldProps { name: string; hint?: ComponentChildren; fault?: string; children: ComponentChildren }

// Field is a label around one field, with a hint and what is wrong with it.
export function Field({ name, hint, fault = "", children }: FieldProps): VNode {
  return <label class={fault ? "field wrong" : "field"}><span>{name}</span>{children}{hint !== undefined && <small class="hint">{hint}</small>}{fault && <small class="fault" role="alert">{fault}</small>}</label>;
}

interface SearchProps { value: string; set: (text: string) => void; name: string; placeholder?: string }

// Search tells its text a moment after the last key.
export function Search({ value, set, name, placeholder = "Search" }: SearchProps): VNode {
  const timer = useSignal<ReturnType<typeof setTimeout> | undefined>(undefined);
  return (
    <label class="search"><Icon name="search" />
      <input ref={useKept(value)} type="search" aria-label={name} placeholder={placeholder} defaultValue={value} maxLength={200} onInput={(e) => {
        const text = e.currentTarget.value;
        clearTimeout(timer.peek());
        timer.value = setTimeout(() => set(text), 250);
      }} />
    </label>
  );
}

export type Labels = Readonly<Record<string, string>>;

export function LabelList({ labels, most = 6 }: { labels: Labels | null | undefined; most?: number }): VNode | null {
  const all = Object.entries(labels ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));
  if (all.length === 0) return <span class="mute">none</span>;
  return (
    <span class="labels">
      {all.slice(0, most).map(([k, v]) => <span key={k} class="label"><Plain text={`${k}=${v}`} limit={60} /></span>)}
      {all.length > most && <span class="label mute">+{all.length - most}</span>}
    </span>
  );
}

// LabelsField edits labels as lines of key and value. One that was typed counts when
// its form is sent, also where Add was not pressed.
export function LabelsField({ labels, set, name }: { labels: Labels; set: (labels: Record<string, string>) => void; name: string }): VNode {
  const key = useSignal(""), value = useSignal("");
  const add = (): void => {
    if (key.value.trim() === "") return;
    set({ ...labels, [key.value.trim()]: value.value.trim() });
    key.value = value.value = "";
  };
  const box = useRef<HTMLFieldSetElement>(null), last = useRef(add);
  last.current = add;
  useEffect(() => {
    const form = box.current?.form, sent = (): void => last.current();
    form?.addEventListener("submit", sent, true); // before the form itself looks
    return () => form?.removeEventListener("submit", sent, true);
  }, []);
  const without = (k: string): void => set(Object.fromEntries(Object.entries(labels).filter(([other]) => other !== k)));
  return (
    <fieldset class="labelsfield" ref={box}>
      <legend>{name}</legend>
      {Object.entries(labels).map(([k, v]) => (
        <span key={k} class="label"><Plain text={`${k}=${v}`} limit={80} /><button type="button" class="ghost" aria-label={`Remove ${k}`} onClick={() => without(k)}><Icon name="cross" size={13} /></button></span>
      ))}
      <span class="newlabel" onKeyDown={(e) => { if (e.key === "Enter") { e.preventDefault(); add(); } }}>
        <input aria-label={`${name}: new key`} placeholder="key" maxLength={63} value={key.value} onInput={(e) => { key.value = e.currentTarget.value; }} />
        <input aria-label={`${name}: its value`} placeholder="value" maxLength={253} value={value.value} onInput={(e) => { value.value = e.currentTarget.value; }} />
        <button type="button" class="quiet" onClick={add}><Icon name="plus" />Add</button>
      </span>
    </fieldset>
  );
}

const units = [["seconds", 1], ["minutes", 60], ["hours", 3600], ["days", 86_400]] as const;

// DurationField edits a number of seconds in the largest unit that fits.
export function DurationField({ seconds, set, name, min = 0 }: { seconds: number; set: (seconds: number) => void; name: string; min?: number }): VNode {
  const fits = [...units].reverse().find(([, n]) => seconds > 0 && seconds % n === 0) ?? units[1];
  const unit = useSignal<number>(fits[1]);
  return (
    <span class="duration">
      <input type="number" min={Math.ceil(min / unit.value)} step="any" aria-label={name} value={seconds / unit.value} onInput={(e) => set(Math.round(Number(e.currentTarget.value) * unit.value))} />
      <select aria-label={`${name}: unit`} value={String(unit.value)} onChange={(e) => {
        const was = unit.value;
        unit.value = Number(e.currentTarget.value);
        set((seconds / was) * unit.value);
      }}>{units.map(([text, n]) => <option key={n} value={String(n)}>{text}</option>)}</select>
    </span>
  );
}
