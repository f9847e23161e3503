// The rules in force, in the order in which they decide.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { call, Fault } from "../api";
import { Icon } from "../icons";
import type { Where } from "../pages";
import { present } from "../presence";
import { go, phone } from "../route";
import { may } from "../state";
import { Plain } from "../text";
import type { ListPack, ListRuleHits, Rule, RuleHits, Ruleset } from "../types.gen";
import { Chip, When } from "../ui/bits";
import { askFor } from "../ui/dialog";
import { Search } from "../ui/fields";
import { Grid } from "../ui/grid";
import { Empty, Loaded, toast, useLoad } from "../ui/load";
import { RulesFrame } from "./frame";
import { deniedBefore } from "./publish";
import { outcomes } from "./shape";

interface Row extends Rule { state: string; n: number; all: string[] } // state: of its pack, or its mode; all: names that it stands for

const strength: Record<string, number> = { deny: 0, guard: 1, require: 2, approve: 3 };

// exact is how exactly a rule names its program: the more, the sooner it answers.
function exact(r: Rule): number {
  const has = (key: string): boolean => new RegExp(`(^|[\\s{,])${key}:`).test(r.yaml);
  if (has("sha256")) return 0;
  if (has("publisher")) return has("product") ? 1 : 2;
  return /(^|[\s{,])path:\s*[^\s{]/.test(r.yaml) ? 3 : 4;
}

// inOrder puts the rules in the order in which they decide. A pack is one row,
// where its first rule stands, unless its rules are asked for.
export function inOrder(own: readonly Rule[], packs: ListPack | null, each: boolean): Row[] {
  const mine = new Set(own.map((r) => r.id));
  const all = own.map((r) => ({ ...r, state: r.mode as string, all: [r.id] }));
  for (const p of packs?.items ?? []) {
    const rules = p.rules.filter((r) => !mine.has(r.id)).map((r) => ({ ...r, pack: p.name, state: p.state as string, all: [r.id], what: r.message["en"] ?? r.what }));
    if (p.state === "off" || rules.length === 0) continue;
    if (each) all.push(...rules);
    else all.push({ ...first(rules), id: p.name, what: p.title, terms: [`${rules.length} rules`], all: rules.map((r) => r.id) });
  }
  all.sort(before);
  return all.map((r, i) => ({ ...r, n: i + 1 }));
}

type Placed = Omit<Row, "n">;
const before = (a: Placed, b: Placed): number => Number(a.state === "observe") - Number(b.state === "observe") || rank(a) - rank(b) || exact(a) - exact(b) || a.precedence - b.precedence || (a.id < b.id ? -1 : 1);
const rank = (r: Placed): number => strength[r.state === "ask" ? "guard" : r.then] ?? 4;
const first = (rules: readonly Placed[]): Placed => rules.reduce((a, b) => (before(a, b) <= 0 ? a : b));

const sum = (h: RuleHits): number => h.approved + h.denied + h.asked + h.would_approve + h.would_deny;

// together adds up what is known of some rules.
function together(hits: ReadonlyMap<string, RuleHits>, names: readonly string[]): RuleHits {
  const out: RuleHits = { rule: "", approved: 0, denied: 0, asked: 0, would_approve: 0, would_deny: 0, last_at: null };
  for (const h of names.map((n) => hits.get(n))) {
    if (!h) continue;
    for (const k of ["approved", "denied", "asked", "would_approve", "would_deny"] as const) out[k] += h[k];
    if (h.last_at && (!out.last_at || Date.parse(h.last_at) > Date.parse(out.last_at))) out.last_at = h.last_at;
  }
  return out;
}

const modes: Record<string, string> = { enforce: "Enforces", observe: "Observes", ask: "Asks" };

const where = (r: Row): string => (r.all.length > 1 ? "#/rules/packs" : `#/rules/edit/${encodeURIComponent(r.id)}`);

export function ListPage({ query }: Where): VNode {
  const set = useLoad<Ruleset>("/rules", ["rule.", "pack."]);
  const packs = useLoad<ListPack>("/packs", ["pack.", "rule."]);
  const week = useLoad<ListRuleHits>("/rules/hits?days=7"), long = useLoad<ListRuleHits>("/rules/hits?days=90");
  const q = (query.get("q") ?? "").toLowerCase(), then = query.get("then") ?? "", mode = query.get("mode") ?? "";
  const filter = (key: string, value: string): void => {
    const next = new URLSearchParams(query);
    if (value === "") next.delete(key);
    else next.set(key, value);
    go(`#/rules${next.size > 0 ? `?${next.toString()}` : ""}`, true);
  };
  const hits = new Map((week.data?.items ?? []).map((h) => [h.rule, h])), lasts = new Map((long.data?.items ?? []).map((h) => [h.rule, h]));
  const all = set.data && packs.data ? inOrder(set.data.items, packs.data, q !== "" || mode === "pack") : [];
  const rows = all.filter((r) => (q === "" || `${r.id} ${r.what} ${r.pack} ${r.terms.join(" ")}`.toLowerCase().includes(q)) && (then === "" || r.then === then) && (mode === "" || (mode === "pack" ? r.pack !== "" : r.state === mode)));
  const write = may("rules.write");
  return (
    <RulesFrame at="" wide actions={write && <a class="primary" href="#/rules/new"><Icon name="plus" />New rule</a>}>
      <Loaded of={set} ready={set.data !== null && packs.data !== null}>
        <div class="bar-of-filters">
          <Search name="Search rules" placeholder="Name, program, label" value={query.get("q") ?? ""} set={(t) => filter("q", t)} />
          <select aria-label="Outcome" value={then} onChange={(e) => filter("then", e.currentTarget.value)}><option value="">Every outcome</option>{["deny", "require", "approve"].map((k) => <option key={k} value={k}>{outcomes[k]?.word}</option>)}</select>
          <select aria-label="Mode" value={mode} onChange={(e) => filter("mode", e.currentTarget.value)}><option value="">Every mode</option><option value="enforce">Enforces</option><option value="observe">Observes</option><option value="pack">From a pack</option></select>
          <span class="mute r-count">{rows.length === all.length ? `${all.reduce((n, r) => n + r.all.length, 0)} rules` : `${rows.length} of ${all.length} rules`}{set.data && set.data.version > 0 && <>, version {set.data.version} by <Plain text={set.data.applied_by} limit={40} />, <When at={set.data.applied_at} /></>}</span>
        </div>
        {set.data?.items.length === 0 && all.length > 0 && write && <p class="note"><Icon name="rules" /><span>There are no rules of your own yet: every attempt asks a person. Make one, take a <a href="#/rules/suggestions">suggestion</a>, or switch on a <a href="#/rules/packs">pack</a>.</span></p>}
        {all.length === 0
          ? <Empty icon="rules" title="There are no rules yet"><p>Every attempt asks a person. Make a rule for what is always approved, or switch on a pack.</p>{write && <p class="answers"><a class="quiet" href="#/rules/packs">Look at the packs</a><a class="primary" href="#/rules/new">New rule</a></p>}</Empty>
          : rows.length === 0 ? <Empty icon="search" title="No rule is like that"><button class="quiet" onClick={() => go("#/rules", true)}>Show all rules</button></Empty>
          : <Grid name="Rules in the order in which they decide" rows={rows} keyOf={(r) => r.id} height={60} tone={(r) => (r.state === "observe" ? "r-observes" : "")} href={where}
              columns={[
                { id: "n", name: "#", width: "28px", right: true, cell: (r) => <span class="mute">{r.n}</span> },
                { id: "rule", name: "Rule", width: "minmax(0, 1.5fr)", phone: "main", cell: (r) => <span class="two"><a class="rulename" href={where(r)}>{r.all.length > 1 ? <>Pack <Plain text={r.id} limit={64} /></> : <Plain text={r.id} limit={64} />}</a><span><Plain text={r.what} limit={300} /></span></span> },
                { id: "then", name: "Outcome", width: "116px", phone: "side", cell: (r) => <Chip tone={r.state === "observe" ? "" : outcomes[r.state === "ask" ? "require" : r.then]?.tone ?? ""}>{outcomes[r.state === "ask" ? "require" : r.then]?.word ?? r.then}</Chip> },
                { id: "terms", name: "Limits and conditions", width: "minmax(0, 1.1fr)", cell: (r) => r.terms.length === 0 ? <span class="mute">–</span> : <span class="mute"><Plain text={r.terms.join(" · ")} limit={160} /></span> },
                { id: "hits", name: "7 days", width: "64px", right: true, cell: (r) => (week.data ? <Hits h={together(hits, r.all)} /> : <span class="mute">…</span>) },
                { id: "last", name: "Last time", width: "104px", cell: (r) => { const at = together(lasts, r.all).last_at; return at ? <span class="mute"><When at={at} /></span> : <span class="mute">{long.data ? "not in 90 days" : "…"}</span>; } },
                { id: "mode", name: "Mode", width: "136px", phone: "below", cell: (r) => r.pack !== "" ? <a class="frompack" href="#/rules/packs">{modes[r.state]}{r.all.length === 1 && <>, pack <Plain text={r.pack} limit={30} /></>}</a> : phone.value ? <>{modes[r.state]}</> : <Switch rule={r} off={!write} again={() => set.again()} /> },
              ]} />}
      </Loaded>
    </RulesFrame>
  );
}

function Hits({ h }: { h: RuleHits }): VNode {
  if (sum(h) === 0) return <span class="mute">0</span>;
  const parts = ([["approved", h.approved], ["denied", h.denied], ["asked", h.asked], ["would have been approved", h.would_approve], ["would have been denied", h.would_deny]] as const).filter(([, n]) => n > 0).map(([w, n]) => `${n} ${w}`).join(", ");
  return <span title={parts}>{sum(h).toLocaleString("en")}<span class="unseen">: {parts}</span></span>;
}

// Switch makes a rule enforce or only observe.
function Switch({ rule, off, again }: { rule: Row; off: boolean; again: () => void }): VNode {
  const busy = useSignal(false);
  const on = rule.mode === "enforce";
  const turn = (acknowledged = false): Promise<void> => present(() => call<Rule>("PUT", `/rules/${encodeURIComponent(rule.id)}`, { mode: on ? "observe" : "enforce", acknowledge_denied: acknowledged })).then((r) => {
    toast(r.proposal ? "It is proposed: somebody else must confirm it." : on ? `${rule.id} only observes now.` : `${rule.id} is enforced now.`);
    again();
  });
  const ask = (e: unknown): void => {
    if (!deniedBefore(e)) return toast(e instanceof Fault ? e.message : String(e), "no");
    askFor({ title: "A person denied what would be approved then", action: on ? "Observe all the same" : "Enforce all the same", danger: true, text: <p><Plain text={(e as Fault).message} limit={400} /></p>, act: () => turn(true) });
  };
  const click = (): void => {
    busy.value = true;
    turn().catch(ask).finally(() => { busy.value = false; });
  };
  return <button type="button" role="switch" class="r-switch" aria-checked={on} aria-label={`Enforce ${rule.id}`} disabled={off || busy.value} onClick={click}><i />{on ? "Enforces" : "Observes"}</button>;
}
