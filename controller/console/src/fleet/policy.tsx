// The editor of one policy.
import { useSignal } from "@preact/signals";
import type { ComponentChildren, VNode } from "preact";
import { count } from "../format";
import { Icon } from "../icons";
import { Plain } from "../text";
import type { ListEndpoint, Policy } from "../types.gen";
import { asked, labelText } from "../ui/address";
import { Dialog } from "../ui/dialog";
import { DurationField, Field, LabelsField } from "../ui/fields";
import { useLoad } from "../ui/load";
import { modeNames, modeTexts } from "./common";
import type { Draft } from "./policies";

export const mechanismNames: Record<string, string> = {
  sudo: "sudo", polkit: "polkit", setuid: "Setuid programs", assent: "assent run", uac: "Windows UAC", authorization: "macOS authorization",
};
const answers = [["", "as the mode says"], ["ask", "ask"], ["allow", "allow"], ["deny", "deny"], ["off", "leave alone"]] as const;

export type Faults = Partial<Record<"name" | "labels" | "mechanisms" | "mask" | "presets" | "reason_min" | "break_glass" | "confirm" | "budget" | "words" | "link" | "rights", string>>;

// check says at which field something is wrong. The controller checks again.
function check(p: Draft, others: readonly Draft[]): Faults {
  const f: Faults = {};
  if (p.name === "") f.name = "Give it a name.";
  else if (others.some((o) => o.name === p.name)) f.name = "Another policy has this name.";
  const bad = (p.presets ?? []).find((t) => new TextEncoder().encode(t).length > 200);
  if ((p.presets?.length ?? 0) > 20) f.presets = "There can be 20 at most.";
  else if (bad !== undefined) f.presets = "Each has 200 bytes at most.";
  if ((p.reason_min ?? 0) < 0 || (p.reason_min ?? 0) > 500) f.reason_min = "From 0 to 500.";
  if (/^\d+$/.test(p.break_glass ?? "")) f.break_glass = "Give the name of the group, not its number.";
  if (p.words?.link && !/^https:\/\/[^\s"<>\\@]+$/.test(p.words.link)) f.link = "It must begin with https:// and have no blanks.";
  const b = p.budget;
  if (b && ((b.per_day_seconds ?? 0) > 86_400 || (b.cooldown_seconds ?? 0) > 86_400)) f.budget = "A day at most.";
  else if (b && (b.renewals ?? 0) > 1000) f.budget = "1000 renewals at most.";
  return f;
}

const places: [RegExp, keyof Faults][] = [
  [/authorization_rights/, "rights"],
  [/reason_min/, "reason_min"], [/preset/, "presets"], [/break_glass/, "break_glass"], [/words link/, "link"], [/words/, "words"], [/budget/, "budget"],
  [/mechanism/, "mechanisms"], [/mask/, "mask"], [/confirm/, "confirm"], [/label/, "labels"], [/name|never reached|called/, "name"],
];

// whereFaulty finds in what the controller said which policy and which field it means.
export function whereFaulty(text: string, items: readonly Draft[]): { item: Draft; faults: Faults } | null {
  const n = /policy number (\d+)/i.exec(text)?.[1] ?? (Number(/items\[(\d+)\]/.exec(text)?.[1] ?? NaN) + 1).toString();
  const item = items[Number(n) - 1] ?? items.find((p) => text.includes(JSON.stringify(p.name)));
  if (!item) return null;
  return { item, faults: { [places.find(([re]) => re.test(text))?.[1] ?? "name"]: text } };
}

interface EditorProps { start: Draft; fresh: boolean; faults: Faults; others: readonly Draft[]; writes: boolean; close: () => void; accept: (p: Draft) => void }

export function PolicyEditor({ start, fresh, faults, others, writes, close, accept }: EditorProps): VNode {
  const p = useSignal<Draft>(start);
  const f = useSignal<Faults>(faults);
  const lines = (text: string): string[] => text.split("\n").map((t) => t.trim()).filter(Boolean);
  const set = (change: Partial<Draft>): void => { p.value = { ...p.value, ...change }; };
  const send = (e: Event): void => {
    e.preventDefault();
    const tidy = clean(p.value);
    f.value = check(tidy, others);
    if (Object.keys(f.value).length === 0) accept(tidy);
    else requestAnimationFrame(() => document.querySelector<HTMLElement>(".dialog .field.wrong :is(input, select, textarea)")?.focus());
  };
  const v = p.value, mode = v.mode ?? "ask", wrong = f.value;
  return (
    <Dialog title={fresh ? "New policy" : writes ? "Edit policy" : "Policy"} close={close} wide>
      <form class="form policyform" onSubmit={send} noValidate>
        <fieldset disabled={!writes}>
          <div class="pair">
            <Field name="Name" fault={wrong.name ?? ""}><input value={v.name} maxLength={64} required placeholder="ring one" onInput={(e) => set({ name: e.currentTarget.value })} /></Field>
          </div>
          <div>
            <LabelsField name="Endpoints with these labels" labels={v.labels ?? {}} set={(labels) => set({ labels })} />
            {wrong.labels && <small class="fault" role="alert">{wrong.labels}</small>}
            <Fits labels={v.labels ?? {}} />
          </div>
          <fieldset class="modes">
            <legend>Mode</legend>
            {(["ask", "observe", "off"] as const).map((m) => <label key={m} class={mode === m ? "fl-choice on" : "fl-choice"}><input type="radio" name="mode" checked={mode === m} onChange={() => set({ mode: m })} /><span><b>{modeNames[m]}</b><small>{modeTexts[m]}</small></span></label>)}
          </fieldset>
          <Part title="Ways to more rights" open={Object.keys(v.mechanisms ?? {}).length > 0 || wrong.mechanisms !== undefined} hint="Each way can be answered in another manner than the mode says.">
            <div class="mechanisms">
              {Object.entries(mechanismNames).map(([m, name]) => (
                <Field key={m} name={name}><select value={v.mechanisms?.[m] ?? ""} onChange={(e) => set({ mechanisms: without(v.mechanisms, m, e.currentTarget.value) })}>{answers.map(([a, text]) => <option key={a} value={a}>{text}</option>)}</select></Field>
              ))}
            </div>
            {wrong.mechanisms && <small class="fault" role="alert">{wrong.mechanisms}</small>}
          </Part>
          <Part title="Reasons" open={(v.presets?.length ?? 0) > 0 || (v.reason_min ?? 0) > 0 || wrong.presets !== undefined || wrong.reason_min !== undefined} hint="What people say when they ask.">
            <Field name="Ready reasons" hint="One a line. People choose one of them instead of typing." fault={wrong.presets ?? ""}><textarea rows={3} value={(v.presets ?? []).join("\n")} onChange={(e) => set({ presets: lines(e.currentTarget.value) })} /></Field>
            <div class="pair"><Field name="Shortest reason" hint="Characters. 0 is the usual." fault={wrong.reason_min ?? ""}><input type="number" min={0} max={500} value={v.reason_min ?? 0} onInput={(e) => set({ reason_min: Number(e.currentTarget.value) })} /></Field></div>
          </Part>
          <Part title="Before it is used" open={(v.confirm ?? "none") !== "none" || v.break_glass !== undefined || wrong.break_glass !== undefined || wrong.confirm !== undefined} hint="A last proof at the prompt, and the way in when nothing else works.">
            <div class="pair">
              <Field name="Confirm with" fault={wrong.confirm ?? ""}><select value={v.confirm ?? "none"} onChange={(e) => set({ confirm: e.currentTarget.value as NonNullable<Policy["confirm"]> })}><option value="none">nothing more</option><option value="password">one's own password</option><option value="passkey">a passkey</option></select></Field>
              <Field name="Break-glass group" hint="Its members stay administrators whatever happens. Each use is told." fault={wrong.break_glass ?? ""}><input value={v.break_glass ?? ""} maxLength={64} placeholder="wheel" onInput={(e) => set({ break_glass: e.currentTarget.value })} /></Field>
            </div>
          </Part>
          <Part title="Without the controller" open={v.offline?.rules === true || v.offline?.codes === true} hint="What may still be done when the controller can not be reached.">
            <label class="check"><input type="checkbox" checked={v.offline?.rules ?? false} onChange={(e) => set({ offline: { ...v.offline, rules: e.currentTarget.checked } })} />Rules that need nobody may approve, as they were sent last</label>
            <label class="check"><input type="checkbox" checked={v.offline?.codes ?? false} onChange={(e) => set({ offline: { ...v.offline, codes: e.currentTarget.checked } })} />An approver may read out a code</label>
          </Part>
          <Part title="Authorization rights of macOS" open={v.authorization_rights !== undefined || wrong.rights !== undefined} hint="Who may change the network, printers and the like of a Mac. Other systems have none.">
            <Field name="Rights" hint="One a line, as system.preferences.printing = user. user is whoever sits at the screen, with their own password; else admin or nobody." fault={wrong.rights ?? ""}><textarea class="rights" rows={3} value={rightLines(v.authorization_rights)} onChange={(e) => set({ authorization_rights: rightsOf(lines(e.currentTarget.value)) })} /></Field>
          </Part>
          <Part title="Budget" open={v.budget !== undefined || wrong.budget !== undefined} hint="How long one user may be elevated. 0 is no limit.">
            <div class="pair">
              <Field name="Sessions in a day, together"><DurationField name="Sessions in a day" seconds={v.budget?.per_day_seconds ?? 0} set={(s) => set({ budget: { ...v.budget, per_day_seconds: s } })} /></Field>
              <Field name="Pause between two sessions"><DurationField name="Pause between" seconds={v.budget?.cooldown_seconds ?? 0} set={(s) => set({ budget: { ...v.budget, cooldown_seconds: s } })} /></Field>
              <Field name="Renewals a day"><input type="number" min={0} max={1000} value={v.budget?.renewals ?? 0} onInput={(e) => set({ budget: { ...v.budget, renewals: Number(e.currentTarget.value) } })} /></Field>
            </div>
            {wrong.budget && <small class="fault" role="alert">{wrong.budget}</small>}
          </Part>
          <Part title="Your words at the prompt" open={v.words !== undefined || wrong.words !== undefined || wrong.link !== undefined} hint="Each is one line that people see when they are asked or refused.">
            <div class="pair">
              <Field name="Company" fault={wrong.words ?? ""}><input value={v.words?.company ?? ""} maxLength={200} placeholder="Example Ltd" onInput={(e) => set({ words: { ...v.words, company: e.currentTarget.value } })} /></Field>
              <Field name="Help"><input value={v.words?.help ?? ""} maxLength={200} placeholder="Service desk, ext. 100" onInput={(e) => set({ words: { ...v.words, help: e.currentTarget.value } })} /></Field>
              <Field name="Link" fault={wrong.link ?? ""}><input value={v.words?.link ?? ""} maxLength={200} inputMode="url" placeholder="https://example.com/rights" onInput={(e) => set({ words: { ...v.words, link: e.currentTarget.value } })} /></Field>
              <Field name="Language"><select value={v.words?.language ?? ""} onChange={(e) => set({ words: language(v.words, e.currentTarget.value) })}><option value="">that of the terminal</option><option value="en">English</option><option value="de">German</option></select></Field>
            </div>
          </Part>
          <Part title="Secrets in arguments" open={(v.mask?.length ?? 0) > 0 || wrong.mask !== undefined} hint="What is hidden before it leaves the endpoint, besides the usual patterns.">
            <Field name="Patterns" hint="Regular expressions, one a line." fault={wrong.mask ?? ""}><textarea class="code" rows={3} value={(v.mask ?? []).join("\n")} onChange={(e) => set({ mask: lines(e.currentTarget.value) })} /></Field>
          </Part>
        </fieldset>
        <p class="answers"><button type="button" class="quiet" onClick={close}>{writes ? "Cancel" : "Close"}</button>{writes && <button class="primary">{fresh ? "Put it into the list" : "Take over the changes"}</button>}</p>
      </form>
    </Dialog>
  );
}

function Part({ title, hint, open, children }: { title: string; hint: string; open: boolean; children: ComponentChildren }): VNode {
  const begun = useSignal(open);
  return <details class="part-of" open={begun.value || open} onToggle={(e) => { begun.value = e.currentTarget.open; }}><summary><Icon name="next" /><span><b>{title}</b><small>{hint}</small></span></summary><div class="part-in">{children}</div></details>;
}

// Fits says for whom the labels are, as they stand.
function Fits({ labels }: { labels: Readonly<Record<string, string>> }): VNode {
  const found = useLoad<ListEndpoint>(asked("/endpoints", { labels: labelText(labels), limit: "5" }));
  const data = found.data;
  if (!data) return <p class="hint">…</p>;
  const names = data.items.map((e) => e.name);
  return <p class="hint">{Object.keys(labels).length === 0 ? "Without labels it is for every endpoint that no policy above fits" : "These labels fit"}{Object.keys(labels).length === 0 ? `, of ${count(data.total, "endpoint")}.` : <> {count(data.total, "endpoint")}{names.length > 0 && <>: <Plain text={names.join(", ")} limit={200} />{data.total > names.length && " and more"}</>}.</>}</p>;
}

function without(all: Readonly<Record<string, string>> | undefined, key: string, value: string): Record<string, string> {
  const next = { ...all };
  if (value === "") delete next[key];
  else next[key] = value;
  return next;
}

function language(words: Policy["words"], value: string): NonNullable<Policy["words"]> {
  const { language: _gone, ...rest } = words ?? {};
  return value === "en" || value === "de" ? { ...rest, language: value } : rest;
}

function rightLines(all: Readonly<Record<string, string>> | undefined): string {
  return Object.entries(all ?? {}).map(([right, level]) => `${right} = ${level}`).join("\n");
}

// rightsOf reads lines as rightLines writes them; the controller says what is wrong.
function rightsOf(lines: readonly string[]): Record<string, string> {
  return Object.fromEntries(lines.map((l) => { const at = l.search(/[=:]/); return at < 0 ? [l, ""] : [l.slice(0, at).trim(), l.slice(at + 1).trim()]; }));
}

// clean leaves out what says nothing.
function clean(p: Draft): Draft {
  const next: Draft = { key: p.key, name: p.name.trim(), mode: p.mode ?? "ask" };
  if (p.labels && Object.keys(p.labels).length > 0) next.labels = p.labels;
  if (p.mechanisms && Object.keys(p.mechanisms).length > 0) next.mechanisms = p.mechanisms;
  if (p.mask?.length) next.mask = p.mask;
  if (p.presets?.length) next.presets = p.presets;
  if (p.reason_min) next.reason_min = p.reason_min;
  if (p.break_glass?.trim()) next.break_glass = p.break_glass.trim();
  if (p.confirm && p.confirm !== "none") next.confirm = p.confirm;
  if (p.offline?.rules || p.offline?.codes) next.offline = p.offline;
  if (p.budget && Object.values(p.budget).some((n) => n > 0)) next.budget = p.budget;
  if (p.authorization_rights && Object.keys(p.authorization_rights).length > 0) next.authorization_rights = p.authorization_rights;
  if (p.words && Object.values(p.words).some((t) => t !== "")) next.words = p.words;
  return next;
}
