// Fields that the pages about people share: roles, persons, hours, time zones.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useId } from "preact/hooks";
import { may, me } from "../state";
import { Plain } from "../text";
import type { ListTeam, ListUser, User } from "../types.gen";
import { Chip, type Tone } from "../ui/bits";
import { useLoad } from "../ui/load";
import { PickOne } from "./pick";

export type Role = User["roles"][number];

export const roles: readonly { id: Role; name: string; does: string }[] = [
  { id: "administrator", name: "Administrator", does: "Does everything, and gives roles." },
  { id: "security_admin", name: "Security administrator", does: "Sees requests and ends access of anybody at once." },
  { id: "rule_author", name: "Rule author", does: "Writes the rules that answer by themselves." },
  { id: "approver", name: "Approver", does: "Answers requests." },
  { id: "auditor", name: "Auditor", does: "Sees nearly everything and changes nothing." },
  { id: "requester", name: "Requester", does: "Asks for access." },
];

export const roleName = (id: string): string => roles.find((r) => r.id === id)?.name ?? id.replaceAll("_", " ");

const tones: Partial<Record<string, Tone>> = { administrator: "accent", approver: "ok", security_admin: "warn" };

export function RoleChips({ of }: { of: readonly string[] }): VNode {
  return <span class="chips">{of.map((r) => <Chip key={r} tone={tones[r] ?? ""}>{roleName(r)}</Chip>)}</span>;
}

interface RolePicksProps { chosen: readonly Role[]; set: (roles: Role[]) => void; name?: string; off?: boolean; plain?: boolean }

// RolePicks chooses roles, each with what it may do.
export function RolePicks({ chosen, set, name = "Roles", off = false, plain = false }: RolePicksProps): VNode {
  return (
    <fieldset class={plain ? "picks-line" : "rolepicks"} disabled={off}>
      <legend>{name}</legend>
      {roles.map((r) => (
        <label key={r.id} class="check"><input type="checkbox" checked={chosen.includes(r.id)}
          onChange={(e) => set(e.currentTarget.checked ? [...chosen, r.id] : chosen.filter((o) => o !== r.id))} />
        <span>{r.name}{!plain && <small class="mute">{r.does}</small>}</span></label>
      ))}
    </fieldset>
  );
}

export interface Known { login: string; name: string }

// useLogins are the people whom one may know of: all accounts, or for who may not
// read those the members of teams.
export function useLogins(): readonly Known[] {
  const users = useLoad<ListUser>(may("users.read") ? "/users?limit=500" : "");
  const teams = useLoad<ListTeam>(may("users.read") || !may("requests.team") ? "" : "/teams?limit=500");
  const all = new Map<string, string>();
  for (const u of users.data?.items ?? []) if (u.disabled_at === null) all.set(u.login, u.name);
  for (const t of teams.data?.items ?? []) for (const m of t.members) all.set(m, "");
  return [...all].map(([login, name]) => ({ login, name })).sort((a, b) => (a.login < b.login ? -1 : 1));
}

interface LoginFieldProps { value: string; set: (login: string) => void; known: readonly Known[]; required?: boolean; placeholder?: string; name: string }

// LoginField names one person, with those that are known offered.
export function LoginField({ value, set, known, required = true, placeholder = "login", name }: LoginFieldProps): VNode {
  const id = useId();
  return <>
    <input aria-label={name} list={id} value={value} maxLength={128} required={required} placeholder={placeholder} autocomplete="off" autocapitalize="none" spellcheck={false} onInput={(e) => set(e.currentTarget.value)} />
    <datalist id={id}>{known.map((k) => <option key={k.login} value={k.login}>{k.name}</option>)}</datalist>
  </>;
}

// LoginsField names several people.
export function LoginsField({ chosen, set, known, name }: { chosen: readonly string[]; set: (logins: string[]) => void; known: readonly Known[]; name: string }): VNode {
  const typed = useSignal("");
  const add = (): void => {
    const who = typed.value.trim();
    if (who !== "" && !chosen.includes(who)) set([...chosen, who]);
    typed.value = "";
  };
  return (
    <fieldset class="people-picked">
      <legend>{name}</legend>
      {chosen.length > 0 && <ul>{chosen.map((login) => <PickOne key={login} text={login} remove={() => set(chosen.filter((o) => o !== login))} />)}</ul>}
      <span class="newone" onKeyDown={(e) => { if (e.key === "Enter") { e.preventDefault(); add(); } }}>
        <LoginField name={`${name}: add a login`} value={typed.value} set={(v) => { typed.value = v; }} known={known.filter((k) => !chosen.includes(k.login))} required={false} placeholder="login of a person" />
        <button type="button" class="quiet" disabled={typed.value.trim() === ""} onClick={add}>Add</button>
      </span>
    </fieldset>
  );
}

// --- hours of the week ---

const days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"] as const;
export const here = Intl.DateTimeFormat().resolvedOptions().timeZone;

interface Span { from: string; to: string; start: string; end: string } // first and last day, times
const simple = /^(?:(Mon|Tue|Wed|Thu|Fri|Sat|Sun)(?:-(Mon|Tue|Wed|Thu|Fri|Sat|Sun))? )?(\d\d:\d\d)-(\d\d:\d\d)$/;

function spans(text: string): Span[] | null {
  const out: Span[] = [];
  for (const part of text.split(",")) {
    const m = simple.exec(part.trim());
    if (!m) return null;
    out.push({ from: m[1] ?? "Mon", to: m[2] ?? m[1] ?? "Sun", start: m[3] ?? "", end: m[4] ?? "" });
  }
  return out;
}

const written = (s: Span): string => `${s.from === s.to ? s.from : `${s.from}-${s.to}`} ${s.start}-${s.end}`;

interface HoursFieldProps { text: string; set: (text: string) => void; always: string; some: string; under: string; first: string }

// HoursField edits the hours of a week: one line per window.
export function HoursField({ text, set, always, some, under, first }: HoursFieldProps): VNode {
  const list = text === "" ? [] : spans(text);
  const id = useId();
  const write = (next: Span[]): void => { if (next.every((s) => s.start !== "" && s.end !== "")) set(next.map(written).join(", ")); };
  const at = (n: number, part: Partial<Span>): void => write((list ?? []).map((s, i) => (i === n ? { ...s, ...part } : s)));
  return (
    <fieldset class="hoursfield">
      <legend class="unseen">{some}</legend>
      <label class="check"><input type="radio" name={id} checked={text === ""} onChange={() => set("")} /><span>{always}</span></label>
      <label class="check"><input type="radio" name={id} checked={text !== ""} onChange={() => set(first)} /><span>{some}<small class="mute">{under}</small></span></label>
      {text !== "" && list?.map((s, n) => (
        <div key={n} class="hourline">
          <select aria-label="First day" value={s.from} onChange={(e) => at(n, { from: e.currentTarget.value })}>{days.map((d) => <option key={d}>{d}</option>)}</select>
          <span class="mute">to</span>
          <select aria-label="Last day" value={s.to} onChange={(e) => at(n, { to: e.currentTarget.value })}>{days.map((d) => <option key={d}>{d}</option>)}</select>
          <span class="times"><input type="time" aria-label="From" required value={s.start} onChange={(e) => at(n, { start: e.currentTarget.value })} />
            <span class="mute">to</span>
            <input type="time" aria-label="Until" required value={s.end === "24:00" ? "00:00" : s.end} onChange={(e) => at(n, { end: e.currentTarget.value === "00:00" ? "24:00" : e.currentTarget.value })} /></span>
          {list.length > 1 && <button type="button" class="ghost" onClick={() => write(list.filter((_, i) => i !== n))}>Remove</button>}
        </div>
      ))}
      {text !== "" && list && list.length < 8 && <button type="button" class="ghost more" onClick={() => write([...list, { from: "Sat", to: "Sat", start: "09:00", end: "12:00" }])}>More hours</button>}
      {text !== "" && !list && <label>Hours, as they were written<input value={text} maxLength={564} onInput={(e) => set(e.currentTarget.value)} /></label>}
    </fieldset>
  );
}

// Zone chooses a time zone by its name.
export function Zone({ value, set, name = "Time zone" }: { value: string; set: (zone: string) => void; name?: string }): VNode {
  const all = [...new Set([value || here, here, "UTC", ...Intl.supportedValuesOf("timeZone")])].sort();
  return <label class="field">{name !== "" && <span>{name}</span>}<select aria-label={name === "" ? "Time zone" : undefined} value={value || here} onChange={(e) => set(e.currentTarget.value)}>{all.map((z) => <option key={z} value={z}>{z}</option>)}</select></label>;
}

// Who names a person by their login, and as "you" where that is so.
export function Who({ login }: { login: string }): VNode {
  return <b class="who-name"><Plain text={login} limit={64} />{login === me.value?.login && <span class="mute"> (you)</span>}</b>;
}
