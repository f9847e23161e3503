// One event of the log with its proof, how far the log is signed, and the export.
import { useSignal } from "@preact/signals";
import type { ComponentChildren, VNode } from "preact";
import { useEffect } from "preact/hooks";
import { Icon } from "../icons";
import { Plain } from "../text";
import type { AuditEvent, Checkpoint, EventProof } from "../types.gen";
import { asked } from "../ui/address";
import { Chip, CopyText, save, When } from "../ui/bits";
import { Dialog } from "../ui/dialog";
import { Loaded, useLoad } from "../ui/load";
import { areas, dataName, kindName, kindsOf, kindTone } from "./kinds";
import { leads } from "./proof";

// merged is an event as the list has it: facts and texts together.
function merged(p: EventProof): AuditEvent {
  const texts = Object.fromEntries(Object.entries(p.event.text ?? {}).map(([k, t]) => [k, t.text]));
  return { ...p.event, data: { ...p.event.data, ...texts } };
}

export function EventDialog({ id, known, close }: { id: string; known: AuditEvent | undefined; close: () => void }): VNode {
  const proof = useLoad<EventProof>(`/audit/proof/${encodeURIComponent(id)}`);
  const e = proof.data ? merged(proof.data) : known;
  return (
    <Dialog title={e ? kindName(e.kind) : "Event"} close={close} wide>
      <Loaded of={proof} ready={e !== undefined} rows={4}>{e && <Facts e={e} />}</Loaded>
      {proof.data && <Proven proof={proof.data} />}
    </Dialog>
  );
}

function Row({ name, children }: { name: string; children: ComponentChildren }): VNode {
  return <><dt>{name}</dt><dd>{children}</dd></>;
}

const actors: Record<string, string> = { user: "Account", rule: "Rule", endpoint: "Endpoint", system: "The controller" };

function Facts({ e }: { e: AuditEvent }): VNode {
  const data = Object.entries(e.data).filter(([, v]) => v !== "").sort(([a], [b]) => (a < b ? -1 : 1));
  return (
    <div class="event">
      <dl class="pairlist">
        <Row name="When"><When at={e.at} exact /> <span class="mute">(<When at={e.at} />)</span></Row>
        <Row name="What"><Chip tone={kindTone(e.kind)}>{kindName(e.kind)}</Chip></Row>
        <Row name="Who">{actors[e.actor.kind] ?? e.actor.kind}{e.actor.name !== "" && <> <b><Plain text={e.actor.name} limit={120} /></b></>}</Row>
        {e.request && <Row name="Request"><a href={`#/requests/${e.request}`}>Open it</a> <span class="mute">or</span> <a href={`#/audit?request=${encodeURIComponent(e.request)}`}>all its events</a></Row>}
        {e.endpoint && <Row name="Endpoint"><a href={`#/endpoints/list/${encodeURIComponent(e.endpoint)}`}><Plain text={e.endpoint} limit={64} /></a></Row>}
        {e.grant && <Row name="Grant"><code><Plain text={e.grant} limit={64} /></code></Row>}
      </dl>
      {data.length > 0 && <><h3>Details</h3><dl class="pairlist data">{data.map(([k, v]) => <Row key={k} name={dataName(k)}><Plain text={v} limit={2000} lines /></Row>)}</dl></>}
      <p class="mute eventid"><code>{e.kind}</code> <code>{e.id}</code></p>
    </div>
  );
}

function Proven({ proof }: { proof: EventProof }): VNode {
  const holds = useSignal<boolean | null | undefined>(undefined);
  const c = proof.checkpoint, n = proof.event.path.length;
  useEffect(() => { leads(proof).then((ok) => { holds.value = ok; }, () => { holds.value = false; }); }, []);
  const signed = <>the checkpoint of <When at={c.at} exact />, which covers {c.size.toLocaleString("en")} events</>;
  return (
    <section class={`proofmark ${holds.value === false ? "no" : "ok"}`} aria-label="Proof">
      <Icon name={holds.value === false ? "warn" : "shield"} size={20} />
      <div>
        {holds.value === false ? <p><b>This proof does not hold.</b> The hashes do not lead to {signed}. Keep the log as it is, and find out who had access to the controller's data.</p>
          : holds.value === undefined ? <p>Counting the proof…</p>
          : <p><b>In the log as number {proof.event.seq.toLocaleString("en")}.</b> {holds.value ? <>Counted in this browser: {n === 0 ? "the event itself is" : `${n} hashes lead from the event to`} the root of {signed}.</> : <>It is proved by {n} hashes to {signed}.</>}</p>}
        <p><button type="button" class="quiet" onClick={() => save(`assent-event-${proof.event.seq}.json`, "application/json", JSON.stringify(proof, null, 2))}><Icon name="download" />Save the proof</button></p>
      </div>
    </section>
  );
}

// SealDialog shows the newest checkpoint, to be kept elsewhere.
export function SealDialog({ close }: { close: () => void }): VNode {
  const seal = useLoad<Checkpoint>("/audit/checkpoint");
  const c = seal.data;
  return (
    <Dialog title="How far the log is signed" close={close} wide>
      <Loaded of={seal} ready={c !== null} rows={3}>{c && (
        <div class="form">
          <p>The controller signs again and again how many events there are and a hash over all of them. Whoever keeps a checkpoint elsewhere can show later that nothing before it was changed, removed or moved.</p>
          <dl class="pairlist">
            <Row name="Events">{c.size.toLocaleString("en")}</Row>
            {c.at && <Row name="Signed"><When at={c.at} exact /></Row>}
            <Row name="Key"><CopyText text={c.key} name="the key" /></Row>
          </dl>
          <CopyText text={c.note} name="the checkpoint" block />
          <p class="mute">Check the whole log with <code>assentctl audit verify</code>, or against what you kept with <code>assentctl audit verify --checkpoint FILE</code>.</p>
          <p class="answers"><button type="button" class="quiet" onClick={() => save(`assent-checkpoint-${c.size}.txt`, "text/plain", c.note)}><Icon name="download" />Save the checkpoint</button></p>
        </div>
      )}</Loaded>
    </Dialog>
  );
}

const forms = [
  ["", "Signed log", "A zip with everything that proves it: check it anywhere with assentctl audit verify --offline."],
  ["json", "JSON", "One event a line, as REST shows them."],
  ["cef", "CEF", "Common event format, for most systems that watch logs."],
  ["ocsf", "OCSF", "Open cybersecurity schema framework, one JSON object a line."],
  ["syslog", "Syslog", "RFC 5424, one event a line."],
] as const;

export function ExportDialog({ kind, close }: { kind: string; close: () => void }): VNode {
  const as = useSignal<string>(""), only = useSignal(kind !== "");
  const kinds = as.value !== "" && only.value ? kindsOf(kind) : "";
  const name = areas.find((a) => a.id === kind)?.name ?? kindName(kind);
  return (
    <Dialog title="Export the log" close={close}>
      <div class="form">
        <fieldset class="choices"><legend class="unseen">Form</legend>
          {forms.map(([id, title, text]) => <label key={id} class="check"><input type="radio" name="as" checked={as.value === id} onChange={() => { as.value = id; }} /><span><b>{title}</b><small class="hint">{text}</small></span></label>)}
        </fieldset>
        {kind !== "" && <label class="check"><input type="checkbox" disabled={as.value === ""} checked={only.value && as.value !== ""} onChange={(e) => { only.value = e.currentTarget.checked; }} /><span>Only: {name}{as.value === "" && <small class="hint">The signed log is always whole.</small>}</span></label>}
        <p class="answers"><button type="button" class="quiet" onClick={close}>Cancel</button><a class="primary" download href={`/api/v1${asked("/audit/export", { as: as.value, kind: kinds })}`} onClick={() => setTimeout(close, 300)}><Icon name="download" />Export</a></p>
      </div>
    </Dialog>
  );
}
