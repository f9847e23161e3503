// Teams: who answers for what, when, and what happens when nobody does.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { lasting } from "../format";
import { Icon } from "../icons";
import { go } from "../route";
import { may } from "../state";
import { Plain } from "../text";
import type { ListDelegation, ListTeam, Listing, Ruleset, Team, TeamPreview } from "../types.gen";
import { Chip } from "../ui/bits";
import { askFor, deleting } from "../ui/dialog";
import { LabelList } from "../ui/fields";
import { Empty, Loaded, useLoad } from "../ui/load";
import { Page, Panel, type TabItem } from "../ui/page";
import { Who } from "./fields";
import { Ladder, clockOf, useMinutes } from "./ladder";
import { TeamForm } from "./teamform";

export const types: Record<string, string> = { run: "single programs", session: "sessions", admin: "administrator for a while" };

const many = (n: number, one: string, more = `${one}s`): string => `${n} ${n === 1 ? one : more}`;

function hoursOf(t: Team): string {
  return t.hours === "" ? "at any time" : `${t.hours}, ${t.tz || "UTC"}`;
}

export function TeamsPage({ tabs }: { tabs: readonly TabItem[] }): VNode {
  const teams = useLoad<ListTeam>("/teams?limit=500", ["team.", "delegation.", "user."]);
  const making = useSignal(false);
  const all = teams.data?.items ?? [];
  const write = may("teams.write");
  return (
    <Page title="People" under="Teams answer requests. The team with the narrowest scope that fits an endpoint is asked; without one, Approvers." tabs={tabs}
      actions={write && <button class="primary" onClick={() => { making.value = true; }}><Icon name="plus" />New team</button>}>
      <Loaded of={teams} rows={4}>
        <div class="cards teams">{all.map((t) => <TeamCard key={t.id} t={t} live={all.length <= 12} />)}</div>
        {all.length === 1 && <Empty icon="people" title="One team answers everything"><p>Make a team for those endpoints that other people know better: with its own hours, and a ladder for when it does not answer.</p></Empty>}
      </Loaded>
      {making.value && <TeamForm teams={all} close={() => { making.value = false; }} done={(t) => { teams.again(); go(`#/people/teams/${t.id}`); }} />}
    </Page>
  );
}

function TeamCard({ t, live }: { t: Team; live: boolean }): VNode {
  const minute = useMinutes();
  const p = useLoad<TeamPreview>(live ? `/teams/${t.id}/preview` : "", ["team.", "delegation."]);
  void minute;
  const first = p.data?.steps[0];
  return (
    <a class="panel card-link" href={`#/people/teams/${t.id}`}>
      <span class="cardhead"><b><Plain text={t.name} limit={80} /></b>{first && <Duty at={p.data?.at ?? ""} from={first.answers_from} count={first.count} />}</span>
      <span class="mute">{t.automatic ? "Every administrator and approver" : many(t.members.length, "member")}, {hoursOf(t)}</span>
      {Object.keys(t.scope.labels).length > 0 || t.scope.access_types.length > 0
        ? <span class="labels"><LabelList labels={t.scope.labels} most={4} />{t.scope.access_types.map((x) => <span key={x} class="label">{types[x] ?? x}</span>)}</span>
        : <span class="mute">{t.id === "team_approvers" ? "Where no other team answers" : "All endpoints"}</span>}
      {t.escalate.length > 0 && <span class="mute ladderline"><Icon name="clock" size={14} /><span>then {t.escalate.map((s, n) => <span key={n}>{n > 0 && ", "}<Plain text={s.team} limit={40} /> after {lasting(s.after_seconds)}</span>)}</span></span>}
    </a>
  );
}

// Duty says whether somebody answers now, or from when.
export function Duty({ at, from, count }: { at: string; from: string | null; count: number }): VNode {
  if (from === null) return <Chip tone="no">Nobody answers</Chip>;
  if (from === at) return <Chip tone="ok">{count} can answer now</Chip>;
  return <Chip tone="warn">From {clockOf(from)}</Chip>;
}

export function TeamPage({ id }: { id: string }): VNode {
  const at = `/teams/${encodeURIComponent(id)}`;
  const team = useLoad<Team>(at, ["team.", "user."]);
  const teams = useLoad<ListTeam>("/teams?limit=500", ["team."]);
  const preview = useLoad<TeamPreview>(`${at}/preview`, ["team.", "delegation.", "user."]);
  const editing = useSignal(false);
  const t = team.data;
  const write = may("teams.write") && t !== null;
  const again = (): void => { team.again(); teams.again(); preview.again(); };
  return (
    <Page title={t?.name ?? "Team"} back={{ to: "#/people/teams", name: "Teams" }}
      under={t && (t.id === "team_approvers" ? "Answers wherever no other team does." : "One approval of this team is enough, unless a rule asks for more.")}
      actions={write && <>
        {t.id !== "team_approvers" && <button class="quiet" onClick={() => remove(t, teams.data?.items ?? [])}><Icon name="remove" />Delete</button>}
        <button class="primary" onClick={() => { editing.value = true; }}><Icon name="edit" />Edit</button></>}>
      <Loaded of={team} ready={t !== null} rows={4}>
        {t && <>
          <Panel icon="clock" title="If nobody answers" under="What comes of a request that is asked of this team now, unless it is urgent: that does not wait for hours.">
            <Loaded of={preview} rows={3}>{preview.data && <Ladder p={preview.data} />}</Loaded>
          </Panel>
          <div class="side-by-side">
            <Members t={t} />
            <Panel icon="shield" title="Answers for">
              <dl class="facts">
                <dt>Endpoints</dt><dd>{Object.keys(t.scope.labels).length === 0 ? t.id === "team_approvers" ? "all that no other team answers for" : "all" : <LabelList labels={t.scope.labels} most={20} />}</dd>
                <dt>Access</dt><dd>{t.scope.access_types.length === 0 ? "every kind" : t.scope.access_types.map((x) => types[x] ?? x).join(", ")}</dd>
                <dt>Hours</dt><dd>{hoursOf(t)}</dd>
                {t.hours !== "" && <><dt>Now there</dt><dd>{clockIn(t.tz)}</dd></>}
              </dl>
            </Panel>
          </div>
          <Needed t={t} teams={teams.data?.items ?? []} />
        </>}
      </Loaded>
      {editing.value && t && <TeamForm t={t} teams={teams.data?.items ?? []} close={() => { editing.value = false; }} done={again} />}
    </Page>
  );
}

function clockIn(zone: string): string {
  useMinutes();
  try {
    return new Intl.DateTimeFormat(undefined, { timeZone: zone || "UTC", weekday: "short", hour: "2-digit", minute: "2-digit", hour12: false }).format(new Date());
  } catch {
    return "not known";
  }
}

function Members({ t }: { t: Team }): VNode {
  const away = useLoad<ListDelegation>("/delegations?limit=500", ["delegation."]);
  const now = Date.now();
  const out = new Map((away.data?.items ?? []).filter((d) => Date.parse(d.from) <= now && now < Date.parse(d.until)).map((d) => [d.user, d]));
  return (
    <Panel icon="people" title="Members" under={t.automatic ? "Every administrator and every approver, until you name the members." : t.id === "team_approvers" ? "These, and every administrator." : undefined}>
      {t.members.length === 0 ? <p class="note warn"><Icon name="warn" /><span>Nobody is in it, so nobody can answer what it is asked.</span></p> : (
        <ul class="rows">
          {t.members.map((m) => {
            const d = out.get(m);
            return <li key={m}><span class="face small" aria-hidden="true">{[...m][0]?.toUpperCase()}</span><span class="grow">{may("users.read") ? <a href={`#/people/users/${encodeURIComponent(m)}`}><Who login={m} /></a> : <Who login={m} />}
              {d && <small class="mute">away until {clockOf(d.until)}; <Plain text={d.delegate} limit={64} /> stands in</small>}</span>{d && <Chip tone="warn">Away</Chip>}</li>;
          })}
        </ul>
      )}
    </Panel>
  );
}

// Needed says what would stop a team from going: ladders, rules, waiting requests.
function Needed({ t, teams }: { t: Team; teams: readonly Team[] }): VNode {
  const waiting = useLoad<Listing>(may("requests.read") ? `/requests?status=pending&team=${encodeURIComponent(t.id)}&limit=1` : "", ["request."]);
  const rules = useLoad<Ruleset>(may("rules.read") ? "/rules" : "", ["rule."]);
  const names = (rules.data?.items ?? []).filter((r) => namesTeam(r.yaml, t)).map((r) => r.id);
  const ladders = teams.filter((o) => o.id !== t.id && o.escalate.some((s) => s.team === t.name));
  const n = waiting.data?.total ?? 0;
  return (
    <Panel icon="list" title="Depends on it">
      <ul class="rows">
        <li><span class="grow">{n === 0 ? "No request waits for it." : `${many(n, "request waits", "requests wait")} for it.`}</span>{n > 0 && <a class="quiet" href={`#/all?status=pending&team=${encodeURIComponent(t.id)}`}>See</a>}</li>
        <li><span class="grow">{ladders.length === 0 ? "No other team's ladder names it." : <>It is on the ladder of {ladders.map((o, i) => <span key={o.id}>{i > 0 && ", "}<a href={`#/people/teams/${o.id}`}><Plain text={o.name} limit={60} /></a></span>)}.</>}</span></li>
        {may("rules.read") && <li><span class="grow">{names.length === 0 ? "No rule names it." : <>Named by {names.length === 1 ? "the rule" : "the rules"} {names.map((r, i) => <span key={r}>{i > 0 && ", "}<a href={`#/rules/${encodeURIComponent(r)}`}><Plain text={r} limit={60} /></a></span>)}.</>}</span></li>}
      </ul>
    </Panel>
  );
}

// namesTeam looks for the team in the text of a rule; the controller, which knows,
// has the last word when it is deleted.
function namesTeam(yaml: string, t: Team): boolean {
  const is = (v: string): boolean => v === t.id || v.toLowerCase() === t.name.toLowerCase();
  return [...yaml.matchAll(/\bteam:\s*(?:"([^"]*)"|'([^']*)'|([^,}\n]+))/g)].some((m) => is((m[1] ?? m[2] ?? m[3] ?? "").trim()));
}

function remove(t: Team, teams: readonly Team[]): void {
  const ladders = teams.filter((o) => o.id !== t.id && o.escalate.some((s) => s.team === t.name));
  askFor({
    title: "Delete this team?", danger: true, action: "Delete it",
    text: <><p><b><Plain text={t.name} limit={200} /></b> no longer answers; its endpoints go to the next team whose scope fits. This can not be undone.</p>
      {ladders.length > 0 && <p class="note warn"><Icon name="warn" /><span>It is on the ladder of {ladders.length === 1 ? "another team" : `${ladders.length} other teams`}. Take it off there first.</span></p>}</>,
    act: deleting(`/teams/${t.id}`, "The team was deleted.", () => go("#/people/teams")),
  });
}
