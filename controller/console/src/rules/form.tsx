// The field builder: every part of one rule as fields. It changes the object that
// the controller made of the text, and nothing else in it.
import { useSignal } from "@preact/signals";
import type { ComponentChildren, VNode } from "preact";
import { Icon } from "../icons";
import { Plain } from "../text";
import type { Fault } from "../types.gen";
import { Field, LabelsField } from "../ui/fields";
import { arg, type ArgKind, arr, asArg, asPattern, obj, outcomes, type Part, pattern, put, str, words } from "./shape";
import { Tests } from "./tests";

export interface FormProps {
  rule: Part;
  tests: readonly unknown[];
  set: (rule: Part) => void;
  setTests: (tests: unknown[]) => void;
  faults: ReadonlyMap<string, readonly Fault[]>; // by key of the rule
  teams: readonly string[];
}

interface PartProps extends FormProps { at: (keys: readonly (string | number)[], value: unknown) => void; fault: (...keys: string[]) => string }

export function RuleForm(p: FormProps): VNode {
  const at = (keys: readonly (string | number)[], value: unknown): void => p.set(obj(put(p.rule, keys, value)));
  const fault = (...keys: string[]): string => keys.flatMap((k) => (p.faults.get(k) ?? []).map((f) => f.text)).join(" ");
  const all: PartProps = { ...p, at, fault };
  return (
    <form class="form ruleform" onSubmit={(e) => e.preventDefault()} onFocusOut={(e) => { // a label that was typed counts when one goes on
      const at = (e.target as Element).closest(".newlabel");
      if (at && !at.contains(e.relatedTarget as Node | null)) at.querySelector("button")?.click();
    }}>
      <Basics {...all} />
      <Matches {...all} />
      {p.rule["then"] !== "deny" && <Wants {...all} />}
      <Limits {...all} />
      <Messages {...all} />
      <Tests {...all} />
    </form>
  );
}

// Block is one part of the form.
export function Block({ title, under, children, open = true, n }: { title: string; under?: string; children: ComponentChildren; open?: boolean; n?: number }): VNode {
  return <details class="r-block" open={open}><summary><Icon name="next" /><span><b>{title}</b>{n !== undefined && n > 0 && <span class="n">{n}</span>}{under && <small class="hint">{under}</small>}</span></summary><div class="r-parts">{children}</div></details>;
}

interface ChoiceProps { name: string; value: string; options: readonly (readonly [string, string, string?])[]; set: (value: string) => void; disabled?: boolean }

// Choice is a row of words of which one counts.
export function Choice({ name, value, options, set, disabled = false }: ChoiceProps): VNode {
  return (
    <div class="r-choice" role="radiogroup" aria-label={name}>
      {options.map(([id, text, tone]) => <button key={id} type="button" role="radio" aria-checked={value === id} disabled={disabled} class={value === id ? `on ${tone ?? ""}` : ""} onClick={() => { if (value !== id) set(id); }}>{text}</button>)}
    </div>
  );
}

function Basics({ rule, at, fault }: PartProps): VNode {
  return (
    <section class="panel">
      <div class="r-basics">
        <Field name="Name" fault={fault("name")} hint="Letters, digits, dots, dashes. Decisions show it."><input name="rule-name" value={str(rule["name"])} maxLength={64} onInput={(e) => at(["name"], e.currentTarget.value)} /></Field>
        <div class="field"><span>Then</span><Choice name="Then" value={str(rule["then"])} set={(v) => at(["then"], v)} options={["approve", "require", "deny"].map((k) => [k, outcomes[k]?.word ?? k, outcomes[k]?.tone ?? ""] as const)} />{fault("then", "rule", "") && <small class="fault" role="alert">{fault("then", "rule", "")}</small>}</div>
        <div class="field"><span>Mode</span><Choice name="Mode" value={str(rule["mode"]) || "enforce"} set={(v) => at(["mode"], v === "enforce" && rule["mode"] === undefined ? undefined : v)} options={[["enforce", "Enforce"], ["observe", "Observe"]]} /><small class="hint">A rule that observes decides nothing; it is only counted.</small></div>
      </div>
    </section>
  );
}

function Matches(p: PartProps): VNode {
  const { rule, at, fault } = p;
  const m = obj(rule["match"]);
  const kinds = words(m["access_type"]);
  const more = ["sha256", "publisher", "product", "version", "parent"].filter((k) => k in m).length;
  const toggle = (kind: string, on: boolean): void => {
    const next = ["run", "session", "admin"].filter((k) => (k === kind ? on : kinds.includes(k)));
    at(["match", "access_type"], next.length === 0 ? undefined : next);
  };
  return (
    <section class="panel" aria-label="What it is about">
      <header><div><h2>What it is about</h2><p class="mute">Everything that is given must hold. What is left out holds for all.</p></div></header>
      {fault("match") && <p class="fault" role="alert">{fault("match")}</p>}
      <PatternField name="Program" hint="The whole path, as it is resolved." value={m["path"]} set={(v) => at(["match", "path"], v)} fault={fault("path")} placeholder="/usr/bin/systemctl" />
      <Args value={m["args"]} set={(v) => at(["match", "args"], v)} fault={fault("args", "any", "regex", "rest")} />
      <div class="pair">
        <Words name="Users" value={m["user"]} set={(v) => at(["match", "user"], v)} fault={fault("user")} placeholder="any user" />
        <Words name="Groups" value={m["group"]} set={(v) => at(["match", "group"], v)} fault={fault("group")} placeholder="any group" />
      </div>
      <LabelsField name="Labels of the endpoint" labels={Object.fromEntries(Object.entries(obj(obj(m["endpoint"])["labels"])).map(([k, v]) => [k, str(v)]))}
        set={(labels) => at(["match", "endpoint", "labels"], Object.keys(labels).length === 0 ? undefined : labels)} />
      {fault("endpoint", "labels") && <p class="fault" role="alert">{fault("endpoint", "labels")}</p>}
      <fieldset class="r-kinds"><legend>Kind of access</legend>
        {[["run", "One program"], ["session", "A session"], ["admin", "Administrator for a while"]].map(([k = "", text]) => <label key={k} class="check"><input type="checkbox" checked={kinds.includes(k)} onChange={(e) => toggle(k, e.currentTarget.checked)} />{text}</label>)}
        {fault("access_type") && <p class="fault" role="alert">{fault("access_type")}</p>}
      </fieldset>
      <Field name="Condition" fault={fault("when")} hint="CEL over subject, user, endpoint, justification, ticket, priority, access_type and now: what the fields can not say."><textarea class="code" name="when" rows={2} spellcheck={false} maxLength={8192} placeholder='user.groups.exists(g, g == "developers")' value={str(rule["when"])} onInput={(e) => at(["when"], e.currentTarget.value || undefined)} /></Field>
      <Block title="Hash, publisher, version, parent" open={more > 0} n={more}>
        <Words name="SHA-256" value={m["sha256"]} set={(v) => at(["match", "sha256"], v)} fault={fault("sha256")} placeholder="64 hexadecimal digits" />
        <Field name="Publisher (thumbprint)" fault={fault("publisher", "thumbprint")}><input class="r-mono" value={str(obj(m["publisher"])["thumbprint"])} spellcheck={false} onInput={(e) => at(["match", "publisher", "thumbprint"], e.currentTarget.value || undefined)} /></Field>
        <PatternField name="Product" value={m["product"]} set={(v) => at(["match", "product"], v)} fault={fault("product")} />
        <PatternField name="Version" value={m["version"]} set={(v) => at(["match", "version"], v)} fault={fault("version")} />
        <PatternField name="Started by" hint="The program that asked." value={m["parent"]} set={(v) => at(["match", "parent"], v)} fault={fault("parent")} placeholder="/usr/bin/bash" />
      </Block>
    </section>
  );
}

function PatternField({ name, hint, value, set, fault, placeholder = "" }: { name: string; hint?: string; value: unknown; set: (v: unknown) => void; fault: string; placeholder?: string }): VNode {
  const p = pattern(value);
  return (
    <div class={fault ? "field wrong" : "field"}>
      <span>{name}</span>
      <span class="r-kinded">
        <select aria-label={`${name}: how`} value={p.kind} onChange={(e) => set(asPattern(e.currentTarget.value as "text", p.text))}><option value="text">is</option><option value="regex">is like (regex)</option></select>
        <input class="r-mono" aria-label={name} value={p.text} placeholder={placeholder} spellcheck={false} autocapitalize="off" maxLength={4096} onInput={(e) => set(asPattern(p.kind, e.currentTarget.value))} />
      </span>
      {hint && <small class="hint">{hint}</small>}{fault && <small class="fault" role="alert">{fault}</small>}
    </div>
  );
}

const argKinds: readonly (readonly [ArgKind, string])[] = [["text", "is"], ["regex", "is like (regex)"], ["any", "can be anything"], ["rest", "any further"]];

function Args({ value, set, fault }: { value: unknown; set: (v: unknown) => void; fault: string }): VNode {
  const list = arr(value), free = !Array.isArray(value);
  const change = (n: number, v: unknown): void => set(list.map((old, i) => (i === n ? v : old)));
  return (
    <fieldset class={fault ? "r-args wrong" : "r-args"}>
      <legend>Arguments, one by one</legend>
      {free && <p class="mute">Any arguments.</p>}
      {!free && list.length === 0 && <p class="mute">None: only without arguments.</p>}
      <ol>
        {list.map((v, n) => {
          const a = arg(v);
          return (
            <li key={n} class="r-kinded">
              <select aria-label={`Argument ${n + 1}: how`} value={a.kind} onChange={(e) => change(n, asArg(e.currentTarget.value as ArgKind, a.text))}>{argKinds.map(([k, text]) => <option key={k} value={k} disabled={k === "rest" && n < list.length - 1}>{text}</option>)}</select>
              {a.kind === "text" || a.kind === "regex" ? <input class="r-mono" aria-label={`Argument ${n + 1}`} value={a.text} spellcheck={false} autocapitalize="off" maxLength={4096} onInput={(e) => change(n, asArg(a.kind, e.currentTarget.value))} /> : <span class="mute blank-arg">{a.kind === "any" ? "one argument" : "any number of arguments"}</span>}
              <button type="button" class="ghost" aria-label={`Remove argument ${n + 1}`} onClick={() => set(list.filter((_, i) => i !== n))}><Icon name="cross" /></button>
            </li>
          );
        })}
      </ol>
      <p class="r-under">
        <button type="button" class="quiet" onClick={() => set([...list, ""])}><Icon name="plus" />Add an argument</button>
        {free ? <button type="button" class="ghost" onClick={() => set([])}>None at all</button> : <button type="button" class="ghost" onClick={() => set(undefined)}>Any arguments</button>}
      </p>
      {fault && <small class="fault" role="alert">{fault}</small>}
    </fieldset>
  );
}

// Words edits a list of texts; an empty one is taken out.
export function Words({ name, value, set, fault = "", placeholder = "" }: { name: string; value: unknown; set: (v: string[] | undefined) => void; fault?: string; placeholder?: string }): VNode {
  const typed = useSignal("");
  const list = words(value);
  const add = (): void => {
    const more = typed.value.split(/[,\s]+/).filter((w) => w !== "" && !list.includes(w));
    typed.value = "";
    if (more.length > 0) set([...list, ...more]);
  };
  const without = (w: string): void => { const next = list.filter((x) => x !== w); set(next.length === 0 ? undefined : next); };
  return (
    <div class={fault ? "field wrong" : "field"}>
      <span>{name}</span>
      <span class="r-words">
        {list.map((w) => <span key={w} class="label"><Plain text={w} limit={80} /><button type="button" class="ghost" aria-label={`Remove ${w}`} onClick={() => without(w)}><Icon name="cross" size={13} /></button></span>)}
        <input aria-label={`${name}: add`} placeholder={list.length === 0 ? placeholder : "add"} value={typed.value} spellcheck={false} autocapitalize="off" onInput={(e) => { typed.value = e.currentTarget.value; }}
          onKeyDown={(e) => { if (e.key === "Enter" || e.key === ",") { e.preventDefault(); add(); } }} onBlur={add} />
      </span>
      {fault && <small class="fault" role="alert">{fault}</small>}
    </div>
  );
}

function Wants({ rule, at, fault, teams }: PartProps): VNode {
  const r = obj(rule["require"]), stages = arr(r["stages"]).map(obj), review = r["after_review"] === undefined ? null : obj(r["after_review"]);
  const require = rule["then"] === "require";
  return (
    <section class="panel" aria-label="What it wants">
      <header><div><h2>{require ? "Who is asked, and what is wanted" : "What is wanted with it"}</h2><p class="mute">{require ? "Each stage needs so many different people of a team. Without a stage, the default team is asked." : "What an approval by this rule needs besides."}</p></div></header>
      {fault("require") && <p class="fault" role="alert">{fault("require")}</p>}
      <datalist id="team-names">{teams.map((t) => <option key={t} value={t} />)}</datalist>
      {(require || stages.length > 0) && <fieldset class="r-stages"><legend>Stages</legend>
        {stages.map((s, n) => (
          <div key={n} class="r-stage">
            <input aria-label={`Stage ${n + 1}: people`} type="number" min={1} max={20} value={str(s["quorum"]) || "1"} onInput={(e) => at(["require", "stages", n, "quorum"], Number(e.currentTarget.value) || 1)} />
            <span class="mute">of</span>
            <input aria-label={`Stage ${n + 1}: team`} list="team-names" placeholder="team" value={str(s["team"])} onInput={(e) => at(["require", "stages", n, "team"], e.currentTarget.value)} />
            <button type="button" class="ghost" aria-label={`Remove stage ${n + 1}`} onClick={() => at(["require", "stages"], stages.length === 1 ? undefined : stages.filter((_, i) => i !== n))}><Icon name="cross" /></button>
          </div>
        ))}
        <p class="r-under"><button type="button" class="quiet" onClick={() => at(["require", "stages"], [...stages, { team: teams[0] ?? "Approvers", quorum: 1 }])}><Icon name="plus" />Add a stage</button></p>
        {fault("stages", "team", "quorum") && <small class="fault" role="alert">{fault("stages", "team", "quorum")}</small>}
      </fieldset>}
      <div class="pair">
        <Field name="Ticket" fault={fault("ticket")} hint="A pattern for all of the ticket; empty: none is asked."><input class="r-mono" placeholder="INC-\d+" value={str(r["ticket"])} spellcheck={false} onInput={(e) => at(["require", "ticket"], e.currentTarget.value || undefined)} /></Field>
        <Field name="The user confirms by" fault={fault("confirm")}><select value={str(r["confirm"]) || "none"} onChange={(e) => at(["require", "confirm"], e.currentTarget.value === "none" ? undefined : e.currentTarget.value)}><option value="none">nothing</option><option value="password">their password</option><option value="passkey">a passkey</option></select></Field>
      </div>
      <label class="check"><input type="checkbox" checked={r["step_up"] === true} onChange={(e) => at(["require", "step_up"], e.currentTarget.checked || undefined)} />Whoever approves proves again that it is them (step-up)</label>
      <label class="check"><input type="checkbox" checked={review !== null} onChange={(e) => at(["require", "after_review"], e.currentTarget.checked ? { team: teams[0] ?? "Approvers" } : undefined)} />Somebody looks at it once it is over</label>
      {review && <div class="r-inset pair">
        <Field name="Team that reviews" fault={fault("after_review")}><input list="team-names" value={str(review["team"])} onInput={(e) => at(["require", "after_review", "team"], e.currentTarget.value)} /></Field>
        <label class="check"><input type="checkbox" checked={review["comment"] === true} onChange={(e) => at(["require", "after_review", "comment"], e.currentTarget.checked || undefined)} />with a comment</label>
        <label class="check"><input type="checkbox" checked={review["blocks"] === true} onChange={(e) => at(["require", "after_review", "blocks"], e.currentTarget.checked || undefined)} />until then, not again</label>
      </div>}
    </section>
  );
}

function Limits({ rule, at, fault }: PartProps): VNode {
  const l = obj(rule["limits"]);
  const text = (key: string): ((e: { currentTarget: HTMLInputElement }) => void) => (e) => at(["limits", key], e.currentTarget.value || undefined);
  const number = str(rule["precedence"]);
  return (
    <section class="panel" aria-label="Limits">
      <header><div><h2>Limits</h2><p class="mute">When several rules match, the smallest limit counts.</p></div></header>
      <div class="pair">
        <Field name="At most" fault={fault("limits", "duration")} hint="15m, 8h, 7d"><input placeholder="no limit" value={str(l["duration"])} onInput={text("duration")} /></Field>
        <Field name="Only at these hours" fault={fault("hours")} hint="Mon-Fri 07:00-20:00"><input placeholder="always" value={str(l["hours"])} onInput={text("hours")} /></Field>
        <Field name="Time zone" fault={fault("tz")}><input placeholder="of the settings" value={str(l["tz"])} onInput={text("tz")} /></Field>
      </div>
      <div class="pair">
        <Field name="Child programs" fault={fault("children")}><select value={str(rule["children"]) || "allow"} onChange={(e) => at(["children"], e.currentTarget.value === "allow" ? undefined : e.currentTarget.value)}><option value="allow">may run</option><option value="contain">are put to the rules</option><option value="deny">may not run</option></select></Field>
        <Field name="Priority" fault={fault("set_priority")}><select value={str(rule["set_priority"])} onChange={(e) => at(["set_priority"], e.currentTarget.value || undefined)}><option value="">as asked</option>{["low", "normal", "high", "urgent"].map((k) => <option key={k} value={k}>{k}</option>)}</select></Field>
        <Field name="Precedence" fault={fault("precedence")} hint="Among equals, the lower one."><input type="number" min={0} max={1000000} placeholder="100" value={number} onInput={(e) => at(["precedence"], e.currentTarget.value === "" ? undefined : Number(e.currentTarget.value))} /></Field>
      </div>
    </section>
  );
}

function Messages({ rule, at, fault }: PartProps): VNode {
  const m = obj(rule["message"]), others = Object.keys(m).filter((k) => k !== "en" && k !== "de");
  return (
    <section class="panel" aria-label="What the user reads">
      <header><div><h2>What the user reads</h2><p class="mute">One plain sentence, shown with the answer.</p></div></header>
      {(["en", "de", ...others]).map((lang) => <Field key={lang} name={lang === "en" ? "English" : lang === "de" ? "German" : lang} fault={lang === "en" ? fault("message", "en") : fault(lang)}><input lang={lang} maxLength={500} value={str(m[lang])} onInput={(e) => at(["message", lang], e.currentTarget.value || undefined)} /></Field>)}
    </section>
  );
}
