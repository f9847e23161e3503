// Changes of the rules that wait for a second person.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { call } from "../api";
import { Icon } from "../icons";
import { Refused } from "../notes";
import type { Where } from "../pages";
import { present } from "../presence";
import { go } from "../route";
import { may, me } from "../state";
import { Plain } from "../text";
import type { ListProposal, Proposal, Ruleset } from "../types.gen";
import { Chip, type Tone, When } from "../ui/bits";
import { askFor } from "../ui/dialog";
import { Empty, Loaded, toast, useDoing, useLoad } from "../ui/load";
import { Page } from "../ui/page";
import { Diff } from "./code";
import { RulesFrame } from "./frame";
import { ReplayBox, useReplay } from "./replay";

const states: Record<string, [string, Tone]> = { open: ["Waits", "warn"], confirmed: ["Confirmed", "ok"], rejected: ["Rejected", "no"] };
const acts: Record<string, string> = {
  "rules.apply": "A new text of the rules", "rules.add": "A new rule", "rules.change": "A rule is changed", "rules.remove": "A rule is removed", "rules.rollback": "Back to an earlier version",
  "pack.enable": "A pack is switched on", "pack.disable": "A pack is switched off",
};

// titleOf names what changes: the rules where they are few.
function titleOf(p: Proposal): string {
  const parts = ([["Add", p.added], ["Change", p.changed], ["Remove", p.removed]] as const).flatMap(([verb, names]) => (names && names.length > 0 ? [`${verb} ${names.slice(0, 3).join(", ")}${names.length > 3 ? ` and ${names.length - 3} more` : ""}`] : []));
  return parts.length > 0 && p.what !== "rules.rollback" ? parts.join("; ").replace(/; (.)/g, (_, c: string) => `; ${c.toLowerCase()}`) : acts[p.what] ?? "Other text of the rules";
}

const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

export function ProposalsPage({ path, query }: Where): VNode {
  const id = path[1] ?? "";
  return id ? <One id={id} /> : <List all={query.get("all") === "1"} />;
}

function List({ all }: { all: boolean }): VNode {
  const list = useLoad<ListProposal>(`/rules/proposals${all ? "?all=true" : ""}`, ["rule."]);
  const items = list.data?.items ?? [];
  return (
    <RulesFrame at="proposals" actions={<label class="r-check"><input type="checkbox" checked={all} onChange={(e) => go(`#/rules/proposals${e.currentTarget.checked ? "?all=1" : ""}`, true)} />Also answered ones</label>}>
      <Loaded of={list} rows={3}>
        {items.length === 0 ? <Empty title="Nothing waits for a second person"><p>With the setting “four eyes for rules”, every change waits here until somebody else confirms it.</p></Empty>
          : <ul class="r-cardlist">{items.map((p) => (
            <li key={p.id} class="panel">
              <a class="r-cardlink" href={`#/rules/proposals/${p.id}`}><b><Plain text={titleOf(p)} limit={200} /></b><State p={p} /></a>
              <p class="mute">By <b><Plain text={p.proposed_by} limit={60} /></b>, <When at={p.proposed_at} />, for version {p.base}. <Plain text={sentence(p.why)} limit={200} />.</p>
              {p.comment && <blockquote class="r-quote"><Plain text={p.comment} limit={1000} lines /></blockquote>}
            </li>))}</ul>}
      </Loaded>
    </RulesFrame>
  );
}

function State({ p }: { p: Proposal }): VNode {
  const [word, tone] = states[p.state] ?? [p.state, ""];
  return <Chip tone={tone}>{word}</Chip>;
}

function One({ id }: { id: string }): VNode {
  const load = useLoad<Proposal>(`/rules/proposals/${encodeURIComponent(id)}`, ["rule."]);
  const now = useLoad<Ruleset>("/rules", ["rule."]);
  const d = useDoing();
  const p = load.data;
  const own = p?.proposed_by === me.value?.login, stale = p !== null && now.data !== null && p.state === "open" && now.data.version !== p.base;
  const confirm = (): void => { void d.run(async () => {
    const set = await present(() => call<Ruleset>("POST", `/rules/proposals/${encodeURIComponent(id)}/confirm`));
    toast(`Version ${set.version} of the rules is in force.`);
    load.again();
  }); };
  const reject = (): void => askFor({ title: own ? "Take your proposal back?" : "Reject this change?", action: own ? "Take it back" : "Reject", danger: true, text: <p>The rules stay as they are. The proposal stays in the list of answered ones.</p>,
    act: async () => { await present(() => call<Proposal>("POST", `/rules/proposals/${encodeURIComponent(id)}/reject`)); toast("The rules stay as they are."); load.again(); } });
  const open = p?.state === "open" && may("rules.write");
  return (
    <Page title={p ? titleOf(p) : "Proposal"} back={{ to: "#/rules/proposals", name: "Proposals" }}
      actions={open && <><button class="quiet" onClick={reject}>{own ? "Take it back" : "Reject"}</button><button class="primary" disabled={own || stale || d.busy} onClick={confirm}>{d.busy ? "One moment…" : "Confirm"}</button></>}>
      <Loaded of={load} ready={p !== null}>
        {p && <>
          <Refused text={d.fault} />
          <p class="r-proposed"><State p={p} /> By <b><Plain text={p.proposed_by} limit={60} /></b>, <When at={p.proposed_at} />. <Plain text={sentence(p.why)} limit={300} />.{p.decided_by && <> Answered by <b><Plain text={p.decided_by} limit={60} /></b>, <When at={p.decided_at} />.</>}</p>
          {p.comment && <blockquote class="r-quote"><Plain text={p.comment} limit={1000} lines /></blockquote>}
          {stale && <p class="note warn"><Icon name="compare" /><span>The rules have changed since: it was made for version {p.base}, and version {now.data?.version} is in force. Reject it, and let it be proposed again.</span></p>}
          {open && own && !stale && <p class="note"><Icon name="user" /><span>You proposed this, so somebody else has to confirm it.</span></p>}
          <section class="panel"><header><Icon name="compare" size={18} /><div><h2>What changes</h2><p class="mute">Against version {p.base}.</p></div></header>{p.diff ? <Diff diff={p.diff} name="What changes" /> : <p class="mute">The text stays the same; packs are switched.</p>}</section>
          {p.state === "open" && p.yaml && <Effect p={p} now={now.data?.yaml ?? ""} />}
        </>}
      </Loaded>
    </Page>
  );
}

// Effect is what the proposed rules would have answered, for who decides about them.
function Effect({ p, now }: { p: Proposal; now: string }): VNode {
  const days = useSignal(30);
  const trial = useReplay(p.yaml ?? "", days.value), before = useReplay(now, days.value);
  return (
    <>
      {p.acknowledged && <p class="note no"><Icon name="warn" /><span><b>It approves what a person denied.</b> Its author knows that; look at the rows below before you confirm.</span></p>}
      <ReplayBox trial={trial} now={before.replay} days={days.value} setDays={(n) => { days.value = n; }} nothing={false} />
    </>
  );
}
