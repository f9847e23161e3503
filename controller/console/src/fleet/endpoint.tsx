// One endpoint: what it is, what runs on it, who is root on it without Assent.
import { useSignal } from "@preact/signals";
import type { ComponentChildren, VNode } from "preact";
import { call } from "../api";
import { count } from "../format";
import { Icon } from "../icons";
import { Refused } from "../notes";
import { present } from "../presence";
import { outcome } from "../queue";
import { may, me } from "../state";
import { Command, Plain, program } from "../text";
import type { Endpoint, ListPause, ListStandingRight, Pause, Request, StandingRight } from "../types.gen";
import { asked } from "../ui/address";
import { Chip, CopyText, When } from "../ui/bits";
import { askFor } from "../ui/dialog";
import { LabelList, LabelsField } from "../ui/fields";
import { Grid } from "../ui/grid";
import { Loaded, toast, useDoing, useLoad } from "../ui/load";
import { Page, Panel } from "../ui/page";
import { lock, orderRights, PauseDialog, remove, resume, revokeGrants, unlock } from "./acts";
import { canTake, modeTexts, ModeChip, osOf, StateChip, useEvery } from "./common";
import { rightColumns, RightDialog } from "./right";

interface Requests { items: Request[]; total: number }

const about = (id: string, query: Record<string, string>): string => asked("/requests", { endpoint: id, ...query });

export function EndpointPage({ id }: { id: string }): VNode {
  const one = useLoad<Endpoint>(`/endpoints/${encodeURIComponent(id)}`, ["endpoint.", "policy.", "rights."]);
  const pauses = useLoad<ListPause>("/pauses?active=true&limit=100", ["endpoint.paused", "endpoint.resumed"]);
  const pausing = useSignal(false);
  useEvery(15_000, one.again);
  const e = one.data;
  const again = (): void => { one.again(); pauses.again(); };
  const mine = e ? (pauses.data?.items ?? []).filter((p) => p.endpoint_id === e.id || p.endpoint_id === "" && Object.entries(p.labels).every(([k, v]) => e.labels[k] === v)) : [];
  return (
    <Page title={e?.name ?? "Endpoint"} back={{ to: "#/endpoints", name: "Endpoints" }}
      under={e === null ? "" : <span class="fl-chips"><StateChip e={e} /><ModeChip mode={e.mode} paused={e.paused_until} /><span>{e.connected ? "connected now" : <>seen <When at={e.last_seen_at} /></>}</span></span>}
      actions={e && may("endpoints.write") && <>
        <button class="quiet" onClick={() => { pausing.value = true; }}><Icon name="pause" />Pause…</button>
        {e.locked ? <button class="primary" onClick={() => unlock(e, again)}><Icon name="key" />Unlock…</button> : <button class="quiet" onClick={() => lock(e, again)}><Icon name="lock" />Lock…</button>}
      </>}>
      <Loaded of={one} ready={e !== null}>
        {e && <>
          <Notices e={e} pauses={mine} again={again} />
          <div class="fl-beside">
            <div class="fl-beside-main">
              {may("requests.read") && <Running e={e} />}
              {may("rights.read") && <Rights e={e} />}
              {may("requests.read") && <Recent e={e} />}
            </div>
            <div class="fl-beside-side">
              <Mode e={e} />
              <LabelsPanel e={e} again={again} />
              <Facts e={e} />
              {(may("endpoints.write") || may("requests.revoke")) && <Panel title="In an emergency">
                <div class="stack">
                  {may("requests.revoke") && <button class="deny" onClick={() => revokeGrants(e, again)}>Revoke all grants…</button>}
                  {may("endpoints.write") && <button class="deny" onClick={() => remove(e)}><Icon name="remove" />Delete this endpoint…</button>}
                </div>
              </Panel>}
            </div>
          </div>
          {pausing.value && <PauseDialog what={<><b><Plain text={e.name} limit={80} /></b> only observes</>} path={`/endpoints/${encodeURIComponent(e.id)}/pause`} close={() => { pausing.value = false; }} done={again} />}
        </>}
      </Loaded>
    </Page>
  );
}

function Notices({ e, pauses, again }: { e: Endpoint; pauses: Pause[]; again: () => void }): VNode {
  return (
    <>
      {e.quarantined && <p class="note no"><Icon name="warn" /><span><b>In quarantine.</b> Two copies of this endpoint were connected at once, so neither is served. Delete it, and enrol the real machine anew.</span></p>}
      {e.locked && <p class="note no"><Icon name="lock" /><span><b>Locked</b>{e.locked_by && <> by <Plain text={e.locked_by} limit={60} /></>}, <When at={e.locked_at} />. Nothing new is elevated here.{e.locked_why && <span class="said"><Plain text={e.locked_why} limit={500} /></span>}</span></p>}
      {pauses.map((p) => (
        <p class="note warn" key={p.id}><Icon name="pause" /><span><b>Paused</b> by <Plain text={p.created_by} limit={60} />; it ends <When at={p.until} />.{p.endpoint_id === "" && <> It is for {Object.keys(p.labels).length ? <LabelList labels={p.labels} /> : "every endpoint"}.</>}<span class="said"><Plain text={p.comment} limit={500} /></span></span>
          {may("endpoints.write") && <button class="quiet" onClick={() => resume(p, again)}><Icon name="play" />Resume…</button>}</p>
      ))}
    </>
  );
}

function Mode({ e }: { e: Endpoint }): VNode {
  return (
    <Panel title="Mode" actions={<ModeChip mode={e.mode} paused={e.paused_until} />}>
      <p>{e.paused_until ? <>{modeTexts["observe"]} Until <When at={e.paused_until} exact />.</> : modeTexts[e.mode]}</p>
      <p class="mute">{e.policy ? <>The policy <a href="#/endpoints/policies"><Plain text={e.policy} limit={60} /></a> says so{e.policy_version ? ` (version ${e.policy_version} was sent here)` : ""}.</> : <>No <a href="#/endpoints/policies">policy</a> is for these labels, so it does as it was enrolled.</>}</p>
    </Panel>
  );
}

function LabelsPanel({ e, again }: { e: Endpoint; again: () => void }): VNode {
  const draft = useSignal<Record<string, string> | null>(null);
  const d = useDoing();
  const labels = draft.value;
  const said = Object.keys(e.labels).filter((k) => !(k in e.given_labels));
  const save = (ev: Event): void => {
    ev.preventDefault();
    void d.run(async () => {
      await present(() => call("PATCH", `/endpoints/${encodeURIComponent(e.id)}`, { labels: draft.value }));
      draft.value = null;
      again();
      toast("The labels are changed. Policies, teams and scopes follow.");
    });
  };
  return (
    <Panel title="Labels" actions={labels === null && may("endpoints.write") && <button class="ghost" onClick={() => { draft.value = { ...e.given_labels }; }}><Icon name="edit" />Edit</button>}>
      {labels === null ? <LabelList labels={e.labels} most={40} /> : (
        <form class="form" onSubmit={save}>
          <LabelsField name="Labels" labels={labels} set={(l) => { draft.value = l; }} />
          <p class="hint">Policies, teams, rules and the scopes of accounts go by labels. Whatever is for the new labels counts at once.</p>
          <Refused text={d.fault} />
          <p class="answers"><button type="button" class="quiet" onClick={() => { draft.value = null; d.clear(); }}>Cancel</button><button class="primary" disabled={d.busy}>Save</button></p>
        </form>
      )}
      {said.length > 0 && <p class="hint">The endpoint says {said.map((k, n) => <span key={k}>{n > 0 && ", "}<code><Plain text={k} limit={63} /></code></span>)} of itself.</p>}
    </Panel>
  );
}

const day = 86_400_000;

function Facts({ e }: { e: Endpoint }): VNode {
  const rows: [string, ComponentChildren][] = [
    ["System", <Plain text={osOf(e) || "not said"} limit={120} />],
    ["Processor", e.arch && <Plain text={e.arch} limit={30} />],
    ["Address", e.ip && <code><Plain text={e.ip} limit={60} /></code>],
    ["Agent", e.agent_version && <><Plain text={e.agent_version} limit={40} />{e.agent_version !== me.value?.version && <span class="mute"> (controller: {me.value?.version})</span>}</>],
    ["Clock", clockText(e.clock_off_ms)],
    ["Enrolled", <When at={e.enrolled_at} />],
    ["Certificate", e.cert_not_after && <><span class={Date.parse(e.cert_not_after) - Date.now() < 7 * day ? "bad" : ""}>ends <When at={e.cert_not_after} /></span></>],
  ];
  const reported = Object.entries(e.reported);
  return (
    <Panel title="About">
      <dl class="fl-facts">
        {rows.filter(([, v]) => v).map(([name, v]) => <div key={name}><dt>{name}</dt><dd>{v}</dd></div>)}
        {reported.length > 0 && <div><dt>Says of itself</dt><dd><LabelList labels={e.reported} most={12} /></dd></div>}
        {e.capabilities.length > 0 && <div><dt>Can do</dt><dd class="labels">{e.capabilities.map((c) => <span key={c} class="label">{c.replaceAll("_", " ")}</span>)}</dd></div>}
      </dl>
      <CopyText text={e.id} name="the id" />
    </Panel>
  );
}

function clockText(ms: number | null): ComponentChildren {
  if (ms === null) return null;
  const s = Math.round(Math.abs(ms) / 1000);
  if (s < 2) return "right";
  return <span class={s > 5 ? "bad" : ""}>{s} s {ms > 0 ? "ahead" : "behind"}</span>;
}

// --- requests ---

function Running({ e }: { e: Endpoint }): VNode | null {
  const list = useLoad<Requests>(about(e.id, { status: "available", limit: "100" }), ["request.", "grant."]);
  const end = (r: Request): void => askFor({
    title: "Revoke this grant", action: "Revoke", danger: true, comment: "optional", commentName: "Why",
    text: <><p><Command path={program(r)} args={r.subject.args} most={6} /></p><p>What <b><Plain text={r.user.name} limit={60} /></b> runs with it is ended now. This can not be undone; it can be asked for again.</p></>,
    act: async (comment) => {
      await present(() => call("POST", `/requests/${r.id}/revoke`, comment ? { comment } : {}));
      list.again();
      toast("Revoked.");
    },
  });
  const rows = list.data?.items ?? [];
  return (
    <Panel title="Granted now" under="What may run here with more rights at this moment." actions={rows.length > 0 && <Chip tone="ok">{rows.length}</Chip>}>
      <Loaded of={list} rows={2}>
        {rows.length === 0 ? <p class="mute">Nothing is granted on this endpoint.</p> : (
          <ul class="rowlist">
            {rows.map((r) => (
              <li key={r.id}>
                <a class="grow two" href={`#/requests/${r.id}`}><Command path={program(r)} args={r.subject.args} most={6} /><span><Plain text={r.user.name} limit={60} />, {r.state === "active" ? <>since <When at={r.grant?.started_at} /></> : "not started yet"}</span></a>
                <Chip tone={r.state === "active" ? "ok" : ""}>{r.state === "active" ? "In use" : "Available"}</Chip>
                {may("requests.revoke") && <button class="deny" onClick={() => end(r)} aria-label={`Revoke what ${r.user.name} was granted`}>Revoke…</button>}
              </li>
            ))}
          </ul>
        )}
      </Loaded>
    </Panel>
  );
}

function Recent({ e }: { e: Endpoint }): VNode {
  const list = useLoad<Requests>(about(e.id, { status: "all", sort: "newest", limit: "8" }), ["request.", "grant."]);
  const rows = list.data?.items ?? [];
  return (
    <Panel title="Recent requests" actions={rows.length > 0 && <a class="ghost" href={`#/all?endpoint=${encodeURIComponent(e.id)}`}>All requests<Icon name="next" /></a>}>
      <Loaded of={list} rows={4}>
        {rows.length === 0 ? <p class="mute">Nobody has asked for anything here yet.</p> : (
          <ul class="rowlist">
            {rows.map((r) => {
              const what = outcome(r);
              return (
                <li key={r.id}>
                  <a class="grow two" href={`#/requests/${r.id}`}><Command path={program(r)} args={r.subject.args} most={6} /><span><Plain text={r.user.name} limit={60} />, <When at={r.submitted_at} /></span></a>
                  <span class={`out ${what.tone}`}>{what.word}</span>
                </li>
              );
            })}
          </ul>
        )}
      </Loaded>
    </Panel>
  );
}

// --- standing rights ---

function Rights({ e }: { e: Endpoint }): VNode {
  const list = useLoad<ListStandingRight>(asked("/standing-rights", { endpoint: e.id, limit: "500" }), ["rights."]);
  const chosen = useSignal<ReadonlySet<string>>(new Set());
  const seen = useSignal<StandingRight | null>(null);
  const rows = list.data?.items ?? [];
  const has = (r: StandingRight): boolean => chosen.value.has(r.id);
  const some = rows.filter(has), picked = some.length > 0 ? some : rows;
  const take = picked.filter(canTake), back = picked.filter((r) => r.taken);
  const toggle = (key: string): void => {
    const next = new Set(chosen.value);
    if (!next.delete(key)) next.add(key);
    chosen.value = next;
  };
  const order = (verb: "take-over" | "give-back", rights: StandingRight[]): void => orderRights(e, verb, rights, () => { chosen.value = new Set(); list.again(); });
  const all = some.length > 0 ? "chosen" : "all";
  return (
    <Panel title="Standing rights" under="Who can become root on this endpoint without Assent."
      actions={may("rights.write") && rows.length > 0 && <>
        {back.length > 0 && <button class="quiet" onClick={() => order("give-back", back)}>Give back {all} ({back.length})…</button>}
        {take.length > 0 && <button class="primary" onClick={() => order("take-over", take)}>Take over {all} ({take.length})…</button>}
      </>}>
      <Loaded of={list} rows={3}>
        {rows.length === 0 ? (e.standing_rights === null ? <p class="mute">This endpoint has not told its standing rights yet.</p> : <p class="ok-line"><Icon name="check" />Nobody but root.</p>) : (
          <Grid name="Standing rights" rows={rows} keyOf={(r) => r.id} height={60} {...(may("rights.write") ? { chosen: { has: (k: string) => chosen.value.has(k), toggle, all: (on: boolean) => { chosen.value = new Set(on ? rows.map((r) => r.id) : []); }, every: some.length === rows.length } } : {})}
            open={(r) => { seen.value = r; }} columns={[rightColumns.who, rightColumns.what, rightColumns.state]} />
        )}
        {list.data && list.data.total > rows.length && <p class="hint">The first {rows.length} of {count(list.data.total, "right")}. <a href={`#/endpoints/rights?endpoint=${encodeURIComponent(e.id)}`}>See all of them</a></p>}
      </Loaded>
      {seen.value && <RightDialog r={seen.value} close={() => { seen.value = null; }} done={list.again} />}
    </Panel>
  );
}

