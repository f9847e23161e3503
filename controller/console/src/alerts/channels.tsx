// Channels: the ways by which people and other systems are told, each with how it
// fares, and a test of it.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { call } from "../api";
import { Icon } from "../icons";
import { present } from "../presence";
import { go } from "../route";
import { connection, may } from "../state";
import { Plain } from "../text";
import type { Channel, ChannelTest, ListChannel, ListDelivery } from "../types.gen";
import { Chip, CopyText, When } from "../ui/bits";
import { askFor, deleting, Dialog } from "../ui/dialog";
import { Empty, Loaded, toast, useDoing, useLoad } from "../ui/load";
import { Page, type TabItem } from "../ui/page";
import { ChannelForm } from "./channelform";
import { shapeOf, shapes, whereTo } from "./shapes";

const path = "#/alerts/channels";

export function ChannelsPage({ tabs, open, query }: { tabs: readonly TabItem[]; open: string; query: URLSearchParams }): VNode {
  const list = useLoad<ListChannel>("/channels?limit=500", ["channel.", "delivery."]);
  const made = useSignal<Channel | null>(null);
  const write = may("alerts.write"), items = list.data?.items ?? [];
  const edited = items.find((c) => c.id === open), shape = shapes.find((s) => s.id === query.get("kind"));
  const shut = (): void => go(path, true);
  // A chat or a ticket system checks no signature: its secret is of no use to anybody.
  const keep = (c: Channel): void => {
    list.again();
    if (c.secret && ["webhook", "own"].includes(shapeOf(c).id)) made.value = c;
  };
  return (
    <Page title="Alerts" tabs={tabs} under="How people and other systems are told. What is said through a channel is set by alerts."
      actions={write && <button class="primary" onClick={() => go(`${path}/new`)}><Icon name="plus" />Add a channel</button>}>
      <Loaded of={list}>
        {items.length === 0 ? (
          <Empty icon="bell" title="There is no channel yet"><p>Add one, send a test through it, and then say with an alert what it tells.</p>{write && <button class="primary" onClick={() => go(`${path}/new`)}>Add the first one</button>}</Empty>
        ) : <div class="cards channels">{items.map((c) => <Card key={c.id} c={c} write={write} again={list.again} />)}</div>}
      </Loaded>
      {write && open === "new" && !shape && <Choose close={shut} />}
      {write && open === "new" && shape && <ChannelForm key={shape.id} shape={shape} c={null} close={shut} done={keep} />}
      {write && edited && <ChannelForm key={edited.id} shape={shapeOf(edited)} c={edited} close={shut} done={keep} />}
      {made.value?.secret && <Secret name={made.value.name} secret={made.value.secret} close={() => { made.value = null; }} />}
    </Page>
  );
}

// Choose offers the kinds of channels.
function Choose({ close }: { close: () => void }): VNode {
  return (
    <Dialog title="What kind of channel?" close={close} wide>
      <div class="channelkinds">
        {shapes.map((s) => <a key={s.id} class="kindcard" href={`${path}/new?kind=${s.id}`}><Icon name={s.icon} size={18} /><span><b>{s.name}</b><small>{s.text}</small></span></a>)}
      </div>
    </Dialog>
  );
}

export function Secret({ name, secret, close }: { name: string; secret: string; close: () => void }): VNode {
  return (
    <Dialog title="Keep this secret now" close={close}>
      <div class="form">
        <p>With it the other side checks that a call comes from <b><Plain text={name} limit={80} /></b>. It is not shown again.</p>
        <CopyText text={secret} name="the secret" block />
        <p class="answers"><button type="button" class="primary" onClick={close}>I have kept it</button></p>
      </div>
    </Dialog>
  );
}

function Card({ c, write, again }: { c: Channel; write: boolean; again: () => void }): VNode {
  const shape = shapeOf(c);
  const last = useLoad<ListDelivery>(`/deliveries?limit=1&channel=${encodeURIComponent(c.id)}`, ["delivery.", "channel.", "request."], `/channels/${c.id}`);
  const turn = useDoing();
  const onOff = (): void => void turn.run(async () => {
    await present(() => call<Channel>("PUT", `/channels/${c.id}`, { enabled: !c.enabled }));
    toast(c.enabled ? "The channel is off." : "The channel is on.");
    again();
  }).then((ok) => { if (!ok) toast("It was not changed.", "no"); });
  const remove = (): void => askFor({
    title: "Delete this channel?", action: "Delete it", danger: true, text: <p>Nothing is told through <b><Plain text={c.name} limit={80} /></b> any more, and its secrets are forgotten. Alerts that name it have to be changed first.</p>,
    act: deleting(`/channels/${c.id}`, "The channel was deleted.", again),
  });
  return (
    <section class="panel channel" aria-label={c.name}>
      <header><span class="kindmark"><Icon name={shape.icon} size={18} /></span><div><h2><Plain text={c.name} limit={80} /></h2><p class="mute">{shape.name}{whereTo(c) && <>, <Plain text={whereTo(c)} limit={80} /></>}</p></div><State c={c} /></header>
      <Fares c={c} last={last.data} />
      {write && <TestButton c={c} done={last.again}>
        <a class="ghost" href={`${path}/${c.id}`} aria-label={`Edit ${c.name}`} title="Edit"><Icon name="edit" /></a>
        <button class="ghost" disabled={turn.busy} aria-label={`${c.enabled ? "Turn off" : "Turn on"} ${c.name}`} title={c.enabled ? "Turn off" : "Turn on"} onClick={onOff}><Icon name={c.enabled ? "pause" : "play"} /></button>
        <button class="ghost" aria-label={`Delete ${c.name}`} title="Delete" onClick={remove}><Icon name="remove" /></button>
      </TestButton>}
    </section>
  );
}

function State({ c }: { c: Channel }): VNode {
  if (!c.enabled) return <Chip tone={c.disabled_why ? "no" : ""}>Off</Chip>;
  if (c.stream?.error) return <Chip tone="warn">Behind</Chip>;
  return <Chip tone="ok">On</Chip>;
}

// Fares says what became of the last message, and why it is off.
function Fares({ c, last }: { c: Channel; last: ListDelivery | null }): VNode {
  const d = last?.items[0];
  return (
    <div class="fares">
      {!c.enabled && c.disabled_why !== "" && <p class="kind no"><Plain text={c.disabled_why} limit={300} /></p>}
      {c.stream && <p>{c.stream.behind === 0 ? "The whole audit log was sent." : `${c.stream.behind.toLocaleString("en")} events of the audit log are still to be sent.`}{c.stream.error !== "" && <> <span class="kind warn"><Plain text={c.stream.error} limit={300} /></span></>}</p>}
      {d ? <p><a href={`#/alerts/deliveries?channel=${encodeURIComponent(c.id)}`}>Last message</a>: {d.state === "sent" ? <>sent <When at={d.sent_at} /></> : d.state === "waiting" ? <>waits{d.tries > 0 && `, tried ${d.tries} times`}</> : <span class="kind no">{d.state === "failed" ? "given up" : "dropped"} <When at={d.created_at} /></span>}{d.last_error !== "" && d.state !== "sent" && <span class="errortext"><Plain text={d.last_error} limit={300} /></span>}</p>
        : !c.stream && last && <p class="mute">No alert was told through it yet.</p>}
    </div>
  );
}

function TestButton({ c, done, children }: { c: Channel; done: () => void; children: VNode[] }): VNode {
  const d = useDoing();
  const result = useSignal<ChannelTest | null>(null);
  const send = (): void => void d.run(async () => {
    result.value = null;
    result.value = await present(() => call<ChannelTest>("POST", `/channels/${c.id}/test`));
    done();
  });
  const r = result.value;
  return (
    <>
      <div class="testresult" role="status">
        {r && <p class={r.ok ? "note ok" : "note no"}><Icon name={r.ok ? "check" : "cross"} /><span>{r.ok ? `The test went through in ${r.took_ms.toLocaleString("en")} ms${r.status ? `, answer ${r.status}` : ""}.` : <><b>The test did not go through{r.status ? `, answer ${r.status}` : ""}.</b> <Plain text={r.error ?? ""} limit={400} /></>}</span></p>}
        {d.fault !== "" && <p class="note no"><Icon name="cross" /><span><Plain text={d.fault} limit={400} /></span></p>}
      </div>
      <p class="cardacts"><button class="quiet" disabled={d.busy || !connection.value.live} onClick={send}><Icon name="play" />{d.busy ? "Sending…" : "Send test"}<span class="unseen"> through {c.name}</span></button><span class="grow" />{children}</p>
    </>
  );
}
