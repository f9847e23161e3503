// Links: which account is which user of an endpoint, for sure (strong) or only by
// an equal name (weak), and who asked lately without either.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { call } from "../api";
import { Icon } from "../icons";
import { present } from "../presence";
import { may } from "../state";
import { Plain } from "../text";
import type { Link, ListEndpoint, ListUser, NewLink, Request } from "../types.gen";
import { Chip, When } from "../ui/bits";
import { Answers, askFor, deleting, Dialog } from "../ui/dialog";
import { Field } from "../ui/fields";
import { Empty, Loaded, toast, useDoing, useLoad, usePages } from "../ui/load";
import { Page, Panel, type TabItem } from "../ui/page";
import { LoginField, useLogins } from "./fields";

interface Start { account?: string; endpoint?: string; user?: string }

// Asker is a user of an endpoint who asked and is tied to no account.
interface Asker { key: string; endpoint: string; name: string; user: string; at: string; times: number; weak: string }

const bare = (login: string): string => login.toLowerCase().trim().replace(/^.*\\/, "").replace(/(.)@.*$/, "$1");

function askers(requests: readonly Request[], logins: readonly string[]): Asker[] {
  const by = new Map<string, Asker>();
  for (const r of requests) {
    if (r.user.account !== null) continue;
    const key = `${r.endpoint.id} ${r.user.uid} ${r.user.name}`, was = by.get(key);
    if (was) was.times++;
    else by.set(key, { key, endpoint: r.endpoint.id, name: r.endpoint.name ?? "", user: r.user.name, at: r.submitted_at ?? "", times: 1, weak: logins.find((l) => bare(l) === bare(r.user.name)) ?? "" });
  }
  return [...by.values()];
}

export function LinksPage({ tabs }: { tabs: readonly TabItem[] }): VNode {
  const list = usePages<Link>("/links", ["link."], 500);
  const lately = useLoad<{ items: Request[] }>("/requests?status=all&sort=newest&limit=300", ["link.", "request.submitted"]);
  const users = useLoad<ListUser>(may("users.read") ? "/users?limit=500" : "");
  const form = useSignal<Start | null>(null);
  const free = askers(lately.data?.items ?? [], (users.data?.items ?? []).map((u) => u.login));
  const write = may("links.write");
  const again = (): void => { list.again(); lately.again(); };
  return (
    <Page title="People" under="Who of an endpoint's users is whom. A strong link gives: the portal, notices, emergency access. An equal name alone is a weak one and only takes away: nobody answers their own requests." tabs={tabs}
      actions={write && <button class="primary" onClick={() => { form.value = {}; }}><Icon name="plus" />Make a link</button>}>
      <Loaded of={list} rows={4}>
        <Panel icon="endpoint" title="Strong links">
          {list.rows?.length === 0 ? <p class="mute">None yet. An identity provider makes them by itself where its claims say who somebody is.</p> : <ul class="rows">{(list.rows ?? []).map((l) => <LinkRow key={l.id} l={l} again={again} account />)}</ul>}
          {list.more && <button class="quiet add" onClick={list.more}>Show more</button>}
        </Panel>
        <Panel icon="ask" title="Asked lately, and not linked" under="From the newest 300 requests. What is risky needs more approvers while nobody knows who asks.">
          <Loaded of={lately} rows={2}>
            {free.length === 0 ? <Empty title="Everybody who asked lately is known" /> : (
              <ul class="rows">
                {free.slice(0, 50).map((a) => (
                  <li key={a.key}><span class="grow"><span><b><Plain text={a.user} limit={80} /></b> on <Plain text={a.name} limit={80} /></span>
                    <small class="mute">{a.times === 1 ? "asked once" : `asked ${a.times} times`}, <When at={a.at} /></small></span>
                    {a.weak !== "" ? <Chip tone="warn"><span>Weak: <Plain text={a.weak} limit={40} /></span></Chip> : <Chip>Not linked</Chip>}
                    {write && <button class="quiet" onClick={() => { form.value = { ...(a.weak ? { account: a.weak } : {}), endpoint: a.endpoint, user: a.user }; }}>{a.weak !== "" ? "Make strong" : "Link"}</button>}
                  </li>
                ))}
              </ul>
            )}
          </Loaded>
        </Panel>
      </Loaded>
      {form.value !== null && <LinkForm start={form.value} close={() => { form.value = null; }} done={again} />}
    </Page>
  );
}

export function LinkRow({ l, again, account }: { l: Link; again: () => void; account: boolean }): VNode {
  const who = l.user ?? `uid ${l.uid ?? ""}`;
  const del = (): void => askFor({
    title: "Delete this link?", action: "Delete it", danger: true,
    text: <p><b><Plain text={l.account} limit={64} /></b> and <b><Plain text={who} limit={80} /></b> of <Plain text={l.endpoint ?? l.directory ?? ""} limit={80} /> are no longer one person here: no portal there, and self-approval is refused by an equal name only.</p>,
    act: deleting(`/links/${l.id}`, "The link was deleted.", again),
  });
  return (
    <li>
      <span class="grow"><span>{account && <><b><Plain text={l.account} limit={64} /></b> is </>}<b><Plain text={who} limit={80} /></b>{l.user !== null && l.uid !== null && <span class="mute"> (uid <Plain text={l.uid} limit={64} />)</span>} {l.endpoint !== null ? <>on <Plain text={l.endpoint} limit={80} /></> : <>everywhere in <Plain text={l.directory ?? ""} limit={80} /></>}</span>
        <small class="mute">made by <Plain text={l.made_by} limit={64} />, <When at={l.made_at} /></small></span>
      <Chip tone="ok">Strong</Chip>
      {may("links.write") && <button class="ghost" aria-label={`Delete the link of ${l.account} and ${who}`} onClick={del}><Icon name="remove" /></button>}
    </li>
  );
}

export function LinkForm({ start, close, done }: { start: Start; close: () => void; done: () => void }): VNode {
  const d = useDoing();
  const known = useLogins();
  const endpoints = useLoad<ListEndpoint>(may("endpoints.read") && start.endpoint === undefined ? "/endpoints?limit=500" : "");
  const account = useSignal(start.account ?? ""), endpoint = useSignal(start.endpoint ?? ""), directory = useSignal("");
  const user = useSignal(start.user ?? ""), uid = useSignal("");
  const where = useSignal<"endpoint" | "directory">("endpoint");
  const send = (e: Event): void => {
    e.preventDefault();
    const body: NewLink = { account: account.value.trim(), ...(where.value === "endpoint" ? { endpoint: endpoint.value.trim() } : { directory: directory.value.trim() }),
      ...(user.value.trim() !== "" ? { user: user.value.trim() } : {}), ...(uid.value.trim() !== "" ? { uid: uid.value.trim() } : {}) };
    void d.run(async () => {
      await present(() => call("POST", "/links", body));
      close();
      toast("The link was made.");
      done();
    });
  };
  return (
    <Dialog title="Make a strong link" close={close}>
      <form class="form" onSubmit={send}>
        <p class="hint">Be sure: whoever has this local user may then act as this account in the portal of that endpoint.</p>
        <Field name="Account"><LoginField name="Account" value={account.value} set={(v) => { account.value = v; }} known={known} /></Field>
        {start.endpoint === undefined && <fieldset><legend>Where</legend><span class="inline-checks">
          <label class="check"><input type="radio" name="where" checked={where.value === "endpoint"} onChange={() => { where.value = "endpoint"; }} />On one endpoint</label>
          <label class="check"><input type="radio" name="where" checked={where.value === "directory"} onChange={() => { where.value = "directory"; }} />Everywhere in a directory</label>
        </span></fieldset>}
        {where.value === "endpoint" ? start.endpoint === undefined && <Field name="Endpoint"><input list="link-endpoints" required maxLength={200} value={endpoint.value} onInput={(e) => { endpoint.value = e.currentTarget.value; }} /><datalist id="link-endpoints">{(endpoints.data?.items ?? []).map((e) => <option key={e.id} value={e.name} />)}</datalist></Field>
          : <Field name="Directory" hint="The domain that its users' names may carry, such as corp.example."><input required maxLength={256} value={directory.value} onInput={(e) => { directory.value = e.currentTarget.value; }} /></Field>}
        <div class="pair">
          <Field name="Local user"><input value={user.value} maxLength={256} required={uid.value === ""} autocapitalize="none" spellcheck={false} onInput={(e) => { user.value = e.currentTarget.value; }} /></Field>
          <Field name="Number (uid or SID)" hint="Optional. Known ones are filled in."><input value={uid.value} maxLength={256} onInput={(e) => { uid.value = e.currentTarget.value; }} /></Field>
        </div>
        <Answers d={d} close={close} action="Make the link" />
      </form>
    </Dialog>
  );
}
