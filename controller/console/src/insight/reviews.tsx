// Reviews: what was used, is over, and somebody should look at.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { call } from "../api";
import { Icon } from "../icons";
import { Refused } from "../notes";
import type { Where } from "../pages";
import { present } from "../presence";
import { go } from "../route";
import { connection, me, may } from "../state";
import { Plain } from "../text";
import type { ListTeam, Request } from "../types.gen";
import { Chip, When } from "../ui/bits";
import { Grid, type Column } from "../ui/grid";
import { Empty, Loaded, toast, useDoing, useLoad, usePages } from "../ui/load";
import { Page, Panel } from "../ui/page";
import "./insight.css";
import { About, Changed, EmergencyMark, Ran, What, Who } from "./use";

const path = "#/reviews";
const kinds = ["review.", "request.after_review", "grant.ended", "grant.changes", "emergency."];

export function ReviewsPage({ path: parts }: Where): VNode {
  const [part = ""] = parts;
  if (part.startsWith("req_")) return <OnePage key={part} id={part} />;
  return <ListPage key={part} done={part === "done"} />;
}

function columns(done: boolean): Column<Request>[] {
  const all: Column<Request>[] = [
    { id: "who", name: "Who, where", width: "minmax(170px, 1fr)", phone: "main", cell: (r) => <Who r={r} /> },
    { id: "what", name: "What, why", width: "minmax(220px, 2fr)", phone: "under", cell: (r) => <What r={r} /> },
    { id: "why", name: "Because of", width: "130px", cell: (r) => (r.emergency ? <EmergencyMark /> : <Chip>A rule</Chip>) },
  ];
  if (done) {
    return [...all,
      { id: "by", name: "Reviewed by", width: "minmax(150px, 1fr)", phone: "below", cell: (r) => <span class="two"><Plain text={r.after_review?.by?.login ?? ""} limit={60} /><span>{r.after_review?.comment ? <Plain text={r.after_review.comment} limit={120} /> : "no comment"}</span></span> },
      { id: "at", name: "When", width: "118px", phone: "side", right: true, cell: (r) => <When at={r.after_review?.at} /> }];
  }
  return [...all,
    { id: "comment", name: "Comment", width: "110px", cell: (r) => (r.after_review?.comment_required ? "required" : <span class="mute">optional</span>) },
    { id: "since", name: "Waits since", width: "118px", phone: "side", right: true, cell: (r) => <When at={r.after_review?.due_at} /> }];
}

function ListPage({ done }: { done: boolean }): VNode {
  const open = usePages<Request>("/requests?status=pending_review", kinds, 100);
  const over = usePages<Request>(done ? "/requests?status=reviewed" : "", kinds, 100);
  const list = done ? over : open;
  const rows = list.rows ?? [];
  return (
    <Page title="Reviews" wide under="Some uses are looked at afterwards: emergencies, and what rules want reviewed. Look at what ran, and say that it was right, or what follows from it."
      tabs={[{ to: path, name: "Waiting", on: !done, n: open.rows === null ? undefined : open.total }, { to: `${path}/done`, name: "Done", on: done }]}>
      <Loaded of={list}>
        {rows.length === 0 ? (done
          ? <Empty icon="review" title="Nothing was reviewed yet"><p>What somebody has looked at stands here with what they said.</p></Empty>
          : <Empty icon="done" title="Nothing waits for a review"><p>After an emergency, or after a use that a rule wants reviewed, it stands here.</p></Empty>) : (
          <Grid name={done ? "Reviewed" : "Waiting for a review"} rows={rows} total={list.total} more={list.more} keyOf={(r) => r.id} href={(r) => `${path}/${r.id}`} height={64} columns={columns(done)} />
        )}
      </Loaded>
    </Page>
  );
}

function OnePage({ id }: { id: string }): VNode {
  const one = useLoad<Request>(`/requests/${encodeURIComponent(id)}`, kinds);
  const r = one.data;
  return (
    <Page title={r ? `Review: ${r.user.display || r.user.name}` : "Review"} under={r && <>on <Plain text={r.endpoint.name ?? r.endpoint.id} limit={80} />{r.emergency && ", an emergency"}</>} back={{ to: path, name: "Reviews" }}>
      <Loaded of={one} ready={r !== null}>{r && <div class="reviewing">
        <div class="reviewed"><About r={r} /><Changed r={r} /><Ran r={r} /></div>
        <Verdict r={r} done={one.again} />
      </div>}</Loaded>
    </Page>
  );
}

// Verdict is the form that says it was looked at, or who did.
function Verdict({ r, done }: { r: Request; done: () => void }): VNode {
  const a = r.after_review;
  const teams = useLoad<ListTeam>(a && may("requests.team") ? "/teams?limit=500" : "");
  const comment = useSignal("");
  const d = useDoing();
  if (!a) return <Panel title="No review is wanted"><p class="mute">No rule asks for a review of this, and it was no emergency.</p></Panel>;
  if (a.at) {
    return (
      <Panel title="Reviewed" icon="done">
        <p><b><Plain text={a.by?.login ?? "somebody"} limit={60} /></b>, <When at={a.at} />{a.comment ? ":" : "."}</p>
        {a.comment && <blockquote><Plain text={a.comment} lines /></blockquote>}
      </Panel>
    );
  }
  if (!a.due_at) return <Panel title="Not over yet"><p class="mute">The review begins when the use is over.</p></Panel>;
  const team = teams.data?.items.find((t) => t.id === a.team)?.name ?? (a.team.startsWith("team_") ? "its team" : a.team);
  const own = r.user.account?.id === me.value?.id;
  const send = (e: Event): void => {
    e.preventDefault();
    void d.run(async () => {
      await present(() => call<Request>("POST", `/requests/${encodeURIComponent(r.id)}/after-review`, { comment: comment.value.trim() }));
    }).then((ok) => {
      if (!ok) return;
      toast("Reviewed. Thank you.");
      if (location.hash.startsWith(`${path}/${r.id}`)) go(path, true);
      else done();
    });
  };
  return (
    <Panel title="Your review" icon="review" under={<>The use was over <When at={a.due_at} />; <Plain text={team} limit={60} /> look at it.{a.blocks && " Until then the same can not be asked for again."}</>}>
      {own ? <p class="note warn"><Icon name="warn" /><span>This was yours: somebody else reviews it.</span></p> : (
        <form class="form" onSubmit={send}>
          <label>{a.comment_required ? "What did you find?" : <span>Comment <span class="mute">(optional)</span></span>}<textarea rows={4} maxLength={2000} required={a.comment_required} placeholder={a.comment_required ? "The rule wants a comment." : "For example: as agreed in INC-4821."} value={comment.value} onInput={(e) => { comment.value = e.currentTarget.value; }} /></label>
          <Refused text={d.fault} />
          <p class="answers"><button class="primary" disabled={d.busy || !connection.value.live}>{d.busy ? "One moment…" : "I have looked at it"}</button></p>
        </form>
      )}
    </Panel>
  );
}
