// Settings: every one in words, with its unit and its default. Only what was
// changed is sent, and what the controller refuses stands at its field.
import { useSignal } from "@preact/signals";
import type { ComponentChildren, VNode } from "preact";
import { useEffect } from "preact/hooks";
import { call, Fault } from "../api";
import { lasting } from "../format";
import { Icon } from "../icons";
import { Refused } from "../notes";
import type { Where } from "../pages";
import { present } from "../presence";
import { go } from "../route";
import { may } from "../state";
import type { Canned, Settings } from "../types.gen";
import { DurationField, Search } from "../ui/fields";
import { Empty, Loaded, toast, useDoing, useLoad } from "../ui/load";
import { Page, Panel } from "../ui/page";
import { CannedField } from "./canned";
import { RolePicks, roleName, Zone, type Role } from "./fields";
import "./people.css";
import { everySetting, groups, type Setting, type Value } from "./settinglist";

type Draft = Readonly<Record<string, Value>>;

function at(s: Settings, key: string): Value {
  let v: unknown = s;
  for (const part of key.split(".")) v = (v as Record<string, unknown>)[part];
  return v as Value;
}

const same = (a: Value, b: Value): boolean => (Array.isArray(a) && Array.isArray(b) ? JSON.stringify(a) === JSON.stringify(b) : a === b);
const sameRoles = (a: Value, b: Value): boolean => same([...(a as readonly string[])].sort(), [...(b as readonly string[])].sort());
const equal = (s: Setting, a: Value, b: Value): boolean => (s.kind === "roles" ? sameRoles(a, b) : same(a, b));

// body nests the keys of what was changed.
function body(draft: Draft): Record<string, unknown> {
  const out: Record<string, unknown> = {};
  for (const [key, v] of Object.entries(draft)) {
    const [head = "", tail] = key.split(".", 2);
    if (tail === undefined) out[head] = v;
    else out[head] = { ...(out[head] as object | undefined), [tail]: v };
  }
  return out;
}

// words is a value as people say it.
export function words(s: Setting, v: Value): string {
  if (s.zero !== undefined && v === 0) return s.zero.replace(/\.$/, "").toLowerCase();
  switch (s.kind) {
    case "time": return lasting(Number(v));
    case "count": return `${String(v)} ${s.unit ?? ""}`;
    case "switch": return v ? "on" : "off";
    case "roles": return (v as readonly string[]).map(roleName).join(", ").toLowerCase() || "nobody";
    case "lines": return (v as readonly string[]).length === 0 ? "none" : `${(v as readonly string[]).length}`;
    case "url": return v === "" ? "none" : String(v);
    default: return String(v);
  }
}

// wrong is what can be seen to be wrong before it is sent.
function wrong(s: Setting, v: Value): string {
  if (typeof v !== "number") return "";
  const say = (n: number): string => (s.kind === "time" ? lasting(n) : String(n));
  if (!Number.isFinite(v)) return "Write a number.";
  if (s.min !== undefined && v < s.min) return `${say(s.min)} at least.`;
  if (s.max !== undefined && v > s.max) return `${say(s.max)} at most.`;
  return "";
}

// told is at which field the controller's refusal belongs.
function told(f: Fault, draft: Draft): Record<string, string> {
  const out: Record<string, string> = {};
  for (const e of f.errors) {
    const key = e.location.replace(/^body\./, "").replace(/\[\d+\]$/, "");
    if (key in draft) out[key] = e.message;
  }
  if (Object.keys(out).length > 0) return out;
  const key = Object.keys(draft).filter((k) => f.message.includes(k)).sort((a, b) => b.length - a.length)[0];
  return key === undefined ? {} : { [key]: f.message };
}

export function SettingsPage({ query }: Where): VNode {
  const s = useLoad<Settings>("/settings", ["settings."]);
  const q = query.get("q") ?? "";
  return (
    <Page title="Settings" under="They hold for everybody and everything at once. Each change stands in the audit log with what it was before.">
      <Loaded of={s}>
        {s.data && <Form s={s.data} q={q} again={s.again} />}
      </Loaded>
    </Page>
  );
}

function Form({ s, q, again }: { s: Settings; q: string; again: () => void }): VNode {
  const draft = useSignal<Draft>({});
  const canned = useSignal<Canned[] | null>(null);
  const faults = useSignal<Record<string, string>>({});
  const d = useDoing();
  const write = may("settings.write");
  const changed = Object.keys(draft.value).length + (canned.value ? 1 : 0);
  useEffect(() => {
    const stay = (e: BeforeUnloadEvent): void => { if (changed > 0) e.preventDefault(); };
    addEventListener("beforeunload", stay);
    return () => removeEventListener("beforeunload", stay);
  }, [changed]);
  const set = (x: Setting, v: Value): void => {
    const { [x.key]: _, ...rest } = draft.value;
    draft.value = equal(x, v, at(s, x.key)) ? rest : { ...rest, [x.key]: v };
    const fault = wrong(x, v), { [x.key]: __, ...others } = faults.value;
    faults.value = fault === "" ? others : { ...others, [x.key]: fault };
  };
  const drop = (): void => {
    draft.value = {};
    faults.value = {};
    canned.value = null;
    d.clear();
  };
  const save = (): void => void d.run(async () => {
    try {
      await present(() => call("PUT", "/settings", { ...body(draft.value), ...(canned.value ? { canned: canned.value } : {}) }));
    } catch (e) {
      if (!(e instanceof Fault)) throw e;
      const at = told(e, draft.value);
      faults.value = { ...faults.value, ...at };
      if (Object.keys(at).length === 0) throw e;
      throw new Error(Object.keys(at).length === 1 ? "One value is refused; it is marked. Nothing was saved." : "Some values are refused; they are marked. Nothing was saved.");
    }
    drop();
    toast("The settings were saved.");
    again();
  });
  const bad = everySetting.filter((x) => x.key in draft.value && wrong(x, draft.value[x.key] ?? null) !== "").map((x) => x.name);
  const low = q.toLowerCase();
  const fits = (...texts: string[]): boolean => low.split(/\s+/).every((w) => texts.join(" ").toLowerCase().includes(w));
  const shown = groups.map((g) => ({ ...g, settings: g.settings.filter((x) => fits(g.name, x.name, x.under, x.key)) })).filter((g) => g.settings.length > 0);
  const texts = fits("Ready-made texts canned questions denials");
  return (
    <>
      <div class="bar-of-filters"><Search name="Search settings" value={q} set={(text) => go(`#/settings${text ? `?q=${encodeURIComponent(text)}` : ""}`, true)} placeholder="Search settings" />
        <span class="mute set-counted">{everySetting.filter((x) => !equal(x, at(s, x.key), x.usual)).length} of {everySetting.length} differ from a new installation</span></div>
      {!write && <p class="note"><Icon name="lock" /><span>You may read them. An administrator changes them.</span></p>}
      {shown.map((g) => (
        <Panel key={g.id} title={g.name} under={g.under || undefined}>
          <div class="settings">{g.settings.map((x) => <Row key={x.key} x={x} v={x.key in draft.value ? draft.value[x.key] ?? null : at(s, x.key)} edited={x.key in draft.value} fault={faults.value[x.key] ?? ""} write={write} set={(v) => set(x, v)} />)}</div>
        </Panel>
      ))}
      {texts && <Panel title="Ready-made texts" under="Questions and denials that approvers choose from, for everybody or for one team."><CannedField canned={canned.value ?? s.canned} write={write} set={(c) => { canned.value = JSON.stringify(c) === JSON.stringify(s.canned) ? null : c; }} /></Panel>}
      {shown.length === 0 && !texts && <Empty icon="search" title="No setting is called so"><p>Search for less.</p></Empty>}
      {changed > 0 && (
        <div class="savebar" role="region" aria-label="Changes that are not saved">
          <Refused text={d.fault} />
          <span class="grow">{changed === 1 ? "One change" : `${changed} changes`}, not saved yet{bad.length > 0 && <small class="fault">{bad.length === 1 ? `${bad[0]}: this value can not be.` : `${bad.length} values can not be.`}</small>}</span>
          <button class="quiet" onClick={drop}>Discard</button>
          <button class="primary" disabled={d.busy || bad.length > 0} onClick={save}>{d.busy ? "Saving…" : "Save"}</button>
        </div>
      )}
    </>
  );
}

interface RowProps { x: Setting; v: Value; edited: boolean; fault: string; write: boolean; set: (v: Value) => void }

function Row({ x, v, edited, fault, write, set }: RowProps): VNode {
  const usual = equal(x, v, x.usual);
  const id = `set-${x.key.replaceAll(".", "-")}`;
  return (
    <div class={`setting ${edited ? "edited" : ""} ${usual ? "" : "unusual"} ${x.kind === "lines" || x.kind === "roles" || x.kind === "url" ? "broad" : ""}`} id={id}>
      <span class="about"><b>{x.name}</b><small class="mute">{x.under}</small></span>
      <span class={fault ? "value wrong form" : "value form"}>
        {write ? <Input x={x} v={v} set={set} /> : <span class="told-value">{words(x, v)}{x.kind === "lines" && (v as readonly string[]).map((line) => <code key={line}>{line}</code>)}</span>}
        {fault && <small class="fault" role="alert">{fault}</small>}
        {(!usual || x.zero !== undefined && v === 0) && <small class="mute">{x.zero !== undefined && v === 0 && `${x.zero} `}{!usual && <>Default is {words(x, x.usual)}{write && <button type="button" class="linklike" onClick={() => set(x.usual)}>Use it</button>}</>}</small>}
      </span>
    </div>
  );
}

function Input({ x, v, set }: { x: Setting; v: Value; set: (v: Value) => void }): ComponentChildren {
  switch (x.kind) {
    case "time":
      return <DurationField name={x.name} seconds={Number(v)} min={x.min ?? 0} set={set} />;
    case "count":
      return <span class="counted-field"><input type="number" aria-label={x.name} value={Number(v)} min={x.min} max={x.max} step={1} onInput={(e) => set(Math.round(e.currentTarget.valueAsNumber))} /><span class="mute">{x.unit}</span></span>;
    case "switch":
      return <label class="check onoff"><input type="checkbox" role="switch" aria-label={x.name} checked={v === true} onChange={(e) => set(e.currentTarget.checked)} /><span>{v ? "On" : "Off"}</span></label>;
    case "priority":
      return <select aria-label={x.name} value={String(v)} onChange={(e) => set(e.currentTarget.value)}>{["low", "normal", "high", "urgent"].map((p) => <option key={p}>{p}</option>)}</select>;
    case "roles":
      return <RolePicks plain name={x.name} chosen={v as readonly Role[]} set={set} />;
    case "lines":
      return <textarea class="code" rows={Math.min(10, Math.max(3, (v as readonly string[]).length + 1))} aria-label={x.name} spellcheck={false} key={(v as readonly string[]).join("\n")} defaultValue={(v as readonly string[]).join("\n")} onChange={(e) => set(e.currentTarget.value.split("\n").filter((l) => l !== ""))} />;
    case "url":
      return <input type="url" aria-label={x.name} placeholder="https://tickets.example.org/check" maxLength={2000} value={String(v)} onInput={(e) => set(e.currentTarget.value.trim())} />;
    case "zone":
      return <Zone name="" value={String(v)} set={set} />;
  }
}
