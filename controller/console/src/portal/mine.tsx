// My requests: what I asked for, where it stands, and what I can do about it.
import type { VNode } from "preact";
import { call } from "../api";
import { Icon } from "../icons";
import type { Where } from "../pages";
import { go } from "../route";
import { Command, Plain } from "../text";
import type { Access, Counts, Request } from "../types.gen";
import { Chip, When } from "../ui/bits";
import { askFor } from "../ui/dialog";
import { Search } from "../ui/fields";
import { Empty, Loaded, toast, useLoad, usePages } from "../ui/load";
import { Page } from "../ui/page";
import { Tile } from "./tile";

const filters = [["all", "All"], ["available", "Available"], ["pending", "Pending approval"], ["approved", "Approved"], ["revoked", "Revoked"], ["expired", "Expired"], ["denied", "Denied"]] as const;
type Filter = (typeof filters)[number][0];

const live = ["request.", "grant."];

export function MinePage({ path, query }: Where): VNode {
  const counts = useLoad<Counts>("/counts?mine=true", live);
  const [first = ""] = path;
  if (/^req_[0-9a-f-]{36}$/.test(first)) return <One id={first} />;
  const at = first === "access" ? "access" : filters.find(([f]) => f === query.get("status"))?.[0] ?? "all";
  const q = query.get("q") ?? "";
  return (
    <Page title="My requests" under="What you asked for. When you need more rights your computer asks for you, or you ask here." actions={<a class="primary" href="#/ask"><Icon name="plus" />Ask for access</a>}
      tabs={[...filters.map(([f, name]) => ({ to: f === "all" ? "#/mine" : `#/mine?status=${f}`, name, on: at === f, n: counts.data?.[f] })), { to: "#/mine/access", name: "My access", on: at === "access" }]}>
      {at === "access" ? <Lasting /> : <List key={at} at={at} q={q} />}
    </Page>
  );
}

function List({ at, q }: { at: Filter; q: string }): VNode {
  const list = usePages<Request>(`/requests?mine=true&sort=newest&status=${at}${q && `&q=${encodeURIComponent(q)}`}`, live, 50);
  const search = (text: string): void => go(`#/mine?${new URLSearchParams({ ...(at === "all" ? {} : { status: at }), ...(text.trim() ? { q: text.trim() } : {}) }).toString()}`.replace(/\?$/, ""), true);
  return (
    <>
      <div class="bar-of-filters"><Search name="Search my requests" placeholder="Search program, reason, ticket" value={q} set={search} /></div>
      <Loaded of={list} rows={4}>
        {list.rows?.length === 0 ? <Nothing at={at} q={q} /> : <ul class="tiles">{list.rows?.map((r) => <li key={r.id}><Tile r={r} again={list.again} /></li>)}</ul>}
        {list.more && <button class="quiet" onClick={list.more}>Show more</button>}
      </Loaded>
    </>
  );
}

function Nothing({ at, q }: { at: Filter; q: string }): VNode {
  if (q !== "") return <Empty icon="search" title="No match"><p>Nothing of yours has “<Plain text={q} limit={80} />” in it.</p><a class="quiet" href="#/mine">Clear the search</a></Empty>;
  if (at === "all") return <Empty icon="shield" title="No requests yet"><p>When you need administrator rights your computer asks for you. Or ask now.</p><a class="quiet" href="#/ask">Ask for access</a></Empty>;
  return <Empty title={`Nothing is ${filters.find(([f]) => f === at)?.[1].toLowerCase() ?? "here"}`}><a class="quiet" href="#/mine">Show all</a></Empty>;
}

function One({ id }: { id: string }): VNode {
  const r = useLoad<Request>(`/requests/${id}`, live);
  return (
    <Page title="Request" back={{ to: "#/mine", name: "My requests" }} actions={r.data && <button class="quiet" onClick={() => print()}><Icon name="print" />Print</button>}>
      <Loaded of={r} rows={3}>{r.data && <Tile r={r.data} again={r.again} whole />}</Loaded>
    </Page>
  );
}

// Lasting answers: what is allowed without asking again, until when.
function Lasting(): VNode {
  const list = useLoad<{ items: Access[] }>("/access?mine=true", ["access.", "request."]);
  const end = (a: Access): void => askFor({
    title: "Give this up?", text: <p>The next time, you are asked for it again.</p>, action: "Give it up",
    act: async () => { await call("DELETE", `/access/${encodeURIComponent(a.id)}`); toast("You are asked for it again"); list.again(); },
  });
  return (
    <Loaded of={list} rows={3}>
      {list.data?.items.length === 0 ? <Empty icon="key" title="Nothing lasts yet"><p>When an approver says yes for some days, the same command needs no question until then. It stands here.</p></Empty> : (
        <ul class="tiles">{list.data?.items.map((a) => (
          <li key={a.id} class="tile">
            <div class="tilehead plainhead"><span class="tiletext"><Command path={a.subject.path} args={a.subject.args} /><span class="mute">on <Plain text={a.endpoint.name ?? a.endpoint.id} limit={80} />, allowed by <Plain text={a.by.name || a.by.login} limit={60} /></span></span>
              <span class="tileside"><Chip tone="ok">Without asking</Chip><span class="mute">ends <When at={a.until} /></span></span>
              <button class="quiet" onClick={() => end(a)}>Give it up</button></div>
          </li>
        ))}</ul>
      )}
    </Loaded>
  );
}
