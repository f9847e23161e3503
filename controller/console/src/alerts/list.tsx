// The alerts: what is told to whom, when, and through what.
import type { ComponentChildren, VNode } from "preact";
import { call } from "../api";
import { lasting } from "../format";
import { Icon } from "../icons";
import { kindName } from "../insight/kinds";
import { present } from "../presence";
import { go } from "../route";
import { may } from "../state";
import { Plain } from "../text";
import type { Alert, ListAlert, ListChannel } from "../types.gen";
import { Chip } from "../ui/bits";
import { askFor, deleting } from "../ui/dialog";
import { Empty, Loaded, toast, useDoing, useLoad } from "../ui/load";
import { Page, type TabItem } from "../ui/page";
import { AlertForm, roleNames } from "./alertform";

const path = "#/alerts/alerts";

export function AlertsList({ tabs, open, event }: { tabs: readonly TabItem[]; open: string; event: string }): VNode {
  const list = useLoad<ListAlert>("/alerts?limit=500", ["alert.", "channel."]);
  const channels = useLoad<ListChannel>("/channels?limit=500", ["channel."]);
  const write = may("alerts.write"), items = list.data?.items ?? [], known = channels.data?.items ?? [];
  const edited = items.find((a) => a.id === open);
  const shut = (): void => go(path, true);
  return (
    <Page title="Alerts" tabs={tabs} under="Who is told of what, and how. People choose on their own page which channels reach them."
      actions={write && known.length > 0 && <button class="primary" onClick={() => go(`${path}/new`)}><Icon name="plus" />Add an alert</button>}>
      <Loaded of={list} ready={list.data !== null && channels.data !== null}>
        {items.length === 0 ? (
          <Empty icon="bell" title="Nobody is told of anything yet">
            {known.length === 0 ? <><p>First add a channel: e-mail, a chat, a ticket system or a webhook.</p>{write && <a class="primary" href="#/alerts/channels/new">Add a channel</a>}</> : <><p>Say which events matter, and who hears of them.</p>{write && <button class="primary" onClick={() => go(`${path}/new`)}>Add the first alert</button>}</>}
          </Empty>
        ) : <ul class="alertlist">{items.map((a) => <Item key={a.id} a={a} write={write} name={(id) => known.find((c) => c.id === id)?.name ?? id} again={list.again} />)}</ul>}
      </Loaded>
      {write && known.length > 0 && (open === "new" || edited) && <AlertForm key={open} a={edited ?? null} event={event} channels={known} close={shut} done={list.again} />}
    </Page>
  );
}

// listed puts commas between things.
function listed(all: readonly ComponentChildren[]): ComponentChildren {
  return all.map((x, n) => <span key={n}>{n > 0 && (n === all.length - 1 ? " and " : ", ")}{x}</span>);
}

function Item({ a, write, name, again }: { a: Alert; write: boolean; name: (id: string) => string; again: () => void }): VNode {
  const turn = useDoing();
  const onOff = (): void => void turn.run(async () => {
    await present(() => call<Alert>("PUT", `/alerts/${a.id}`, { enabled: !a.enabled }));
    toast(a.enabled ? "The alert is off." : "The alert is on.");
    again();
  }).then((ok) => { if (!ok) toast("It was not changed.", "no"); });
  const remove = (): void => askFor({
    title: "Delete this alert?", action: "Delete it", danger: true, text: <p>Nobody hears by <b><Plain text={a.name} limit={80} /></b> any more.</p>,
    act: deleting(`/alerts/${a.id}`, "The alert was deleted.", again),
  });
  const only = onlyIf(a), to = people(a);
  return (
    <li class={a.enabled ? "panel alert" : "panel alert off"}>
      <div class="alertwords">
        <h2>{write ? <a href={`${path}/${a.id}`}><Plain text={a.name} limit={100} /></a> : <Plain text={a.name} limit={100} />}{!a.enabled && <Chip>Off</Chip>}{a.mandatory && <Chip tone="accent">Nobody can opt out</Chip>}</h2>
        <dl class="pairlist">
          <dt>When</dt><dd>{listed(a.events.map((k) => <b>{kindName(k).toLowerCase()}</b>))}</dd>
          {only.length > 0 && <><dt>Only if</dt><dd>{listed(only)}</dd></>}
          <dt>Tell</dt><dd>{to.length > 0 ? listed(to) : "the channel itself"}</dd>
          <dt>Through</dt><dd>{listed(a.channels.map((id) => <Plain text={name(id)} limit={80} />))}{a.digest_seconds > 0 ? `, together after ${lasting(a.digest_seconds)}` : ", at once"}</dd>
        </dl>
      </div>
      {write && <p class="cardacts">
        <a class="ghost" href={`${path}/${a.id}`} aria-label={`Edit ${a.name}`} title="Edit"><Icon name="edit" /></a>
        <button class="ghost" disabled={turn.busy} aria-label={`${a.enabled ? "Turn off" : "Turn on"} ${a.name}`} title={a.enabled ? "Turn off" : "Turn on"} onClick={onOff}><Icon name={a.enabled ? "pause" : "play"} /></button>
        <button class="ghost" aria-label={`Delete ${a.name}`} title="Delete" onClick={remove}><Icon name="remove" /></button>
      </p>}
    </li>
  );
}

const typeWords: Record<string, string> = { run: "one program", session: "a session", admin: "administrator for a while" };

function onlyIf(a: Alert): ComponentChildren[] {
  const f = a.filter, out: ComponentChildren[] = [];
  if (f.waiting_longer_than_seconds) out.push(<>it waits longer than <b>{lasting(f.waiting_longer_than_seconds)}</b></>);
  if (f.team) out.push(<>the team <Plain text={f.team} limit={80} /> answers</>);
  if (f.user) out.push(<><Plain text={f.user} limit={80} /> asked</>);
  if (f.endpoint_labels && Object.keys(f.endpoint_labels).length > 0) out.push(<>the endpoint has <Plain text={Object.entries(f.endpoint_labels).map(([k, v]) => `${k}=${v}`).join(", ")} limit={200} /></>);
  if (f.access_type) out.push(<>it is {typeWords[f.access_type]}</>);
  if (f.priority_at_least) out.push(<>its priority is {f.priority_at_least} or above</>);
  if (f.caution) out.push("something calls for care");
  return out;
}

function people(a: Alert): ComponentChildren[] {
  const r = a.recipients, out: ComponentChildren[] = [];
  if (r.answerers) out.push("who can answer now");
  if (r.requester) out.push("who asked");
  for (const role of r.roles ?? []) out.push(`every ${roleNames[role] ?? role}`);
  for (const team of r.teams ?? []) out.push(<>the team <Plain text={team} limit={80} /></>);
  for (const user of r.users ?? []) out.push(<Plain text={user} limit={80} />);
  return out;
}
