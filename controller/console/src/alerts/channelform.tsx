// The form of one channel, with exactly the fields of its kind.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { call, Fault } from "../api";
import { Icon } from "../icons";
import { Refused } from "../notes";
import { present } from "../presence";
import { Plain } from "../text";
import type { Channel, EditChannel, NewChannel, TemplatePreview } from "../types.gen";
import { Answers, Dialog } from "../ui/dialog";
import { Field } from "../ui/fields";
import { toast, useDoing } from "../ui/load";
import { kindName } from "../insight/kinds";
import { configOf, valuesOf, type Shape, type ShapeField, type Values } from "./shapes";

interface Props { shape: Shape; c: Channel | null; close: () => void; done: (c: Channel) => void }

export function ChannelForm({ shape, c, close, done }: Props): VNode {
  const name = useSignal(c?.name ?? shape.name);
  const values = useSignal<Values>(valuesOf(shape, c?.config ?? null));
  const headers = useSignal<readonly (readonly [string, string])[]>(Object.keys(c?.config.headers ?? {}).map((k) => [k, ""] as const));
  const d = useDoing();
  const set = (key: string, v: string): void => { values.value = { ...values.value, [key]: v }; };
  const draw = (f: ShapeField): VNode => (f.type === "headers"
    ? <HeadersField key={f.key} f={f} rows={headers.value} set={(rows) => { headers.value = rows; }} old={new Set(Object.keys(c?.config.headers ?? {}))} />
    : <OneField key={f.key} f={f} value={values.value[f.key] ?? ""} set={(v) => set(f.key, v)} kept={f.type === "secret" && c !== null && (f.key === "url" || c.secret_set)} />);
  const send = (e: Event): void => {
    e.preventDefault();
    const config = configOf(shape, values.value, Object.fromEntries(headers.value.filter(([k]) => k.trim() !== "").map(([k, v]) => [k.trim(), v])));
    void d.run(async () => {
      const made = await present(() => (c ? call<Channel>("PUT", `/channels/${c.id}`, { name: name.value.trim(), config } satisfies EditChannel)
        : call<Channel>("POST", "/channels", { name: name.value.trim(), kind: shape.kind, config } satisfies NewChannel)));
      close();
      toast(c ? "The channel was changed." : "The channel was added. Send a test through it.");
      done(made);
    });
  };
  const usual = shape.fields.filter((f) => !f.further), further = shape.fields.filter((f) => f.further);
  const short = (f: ShapeField): boolean => f.type !== "long" && f.type !== "headers" && f.type !== "check" && f.key !== "url";
  return (
    <Dialog title={c ? `Edit channel: ${shape.name}` : `Add a channel: ${shape.name}`} close={close} wide>
      <form class="form" onSubmit={send}>
        <Field name="Name" hint="As alerts name it."><input value={name.value} required maxLength={100} onInput={(e) => { name.value = e.currentTarget.value; }} /></Field>
        {usual.filter((f) => f.key === "url").map(draw)}
        {usual.some(short) && <div class="pair">{usual.filter(short).map(draw)}</div>}
        {usual.filter((f) => !short(f) && f.key !== "url").map(draw)}
        {further.length > 0 && <details class="further"><summary>More</summary><div class="form">{further.map(draw)}</div></details>}
        {shape.kind === "webhook" && <Preview template={shape.template ?? ""} body={values.value["body"] ?? ""} />}
        <Answers d={d} close={close} action={c ? "Save" : "Add it"} />
      </form>
    </Dialog>
  );
}

function OneField({ f, value, set, kept }: { f: ShapeField; value: string; set: (v: string) => void; kept: boolean }): VNode {
  const hint = kept ? "One is kept. Empty leaves it as it is; it is never shown." : f.hint;
  const common = { value, required: f.required === true && !kept, placeholder: kept ? "••••••••" : f.placeholder ?? "", maxLength: 2000, autocomplete: "off", spellcheck: false, onInput: (e: { currentTarget: { value: string } }) => set(e.currentTarget.value) };
  if (f.type === "check") return <label class="check"><input type="checkbox" checked={value === "true"} onChange={(e) => set(e.currentTarget.checked ? "true" : "false")} /><span>{f.name}</span></label>;
  return (
    <Field name={f.name} {...(hint ? { hint } : {})}>
      {f.type === "choice" ? <select value={value} onChange={(e) => set(e.currentTarget.value)}>{(f.choices ?? []).map(([v, n]) => <option key={v} value={v}>{n}</option>)}</select>
        : f.type === "long" ? <textarea class="code" rows={6} {...common} maxLength={32_000} />
        : f.type === "secret" ? <input type="password" {...common} autocomplete="new-password" />
        : f.type === "number" ? <input type="number" min={0} max={65_535} {...common} />
        : f.type === "url" ? <input type="url" {...common} /> : <input type="text" {...common} />}
    </Field>
  );
}

interface HeadersProps { f: ShapeField; rows: readonly (readonly [string, string])[]; set: (rows: (readonly [string, string])[]) => void; old: ReadonlySet<string> }

function HeadersField({ f, rows, set, old }: HeadersProps): VNode {
  const at = (n: number, row: readonly [string, string]): void => set(rows.map((r, i) => (i === n ? row : r)));
  return (
    <fieldset class="headersfield">
      <legend>{f.name}</legend>
      {rows.map(([k, v], n) => (
        <div key={n} class="headerrow">
          <input aria-label={`Header ${n + 1}: name`} placeholder="Authorization" value={k} maxLength={100} onInput={(e) => at(n, [e.currentTarget.value, v])} />
          <input type="password" autocomplete="new-password" aria-label={`Header ${n + 1}: value`} placeholder={old.has(k) ? "kept as it is" : "value"} value={v} maxLength={4000} onInput={(e) => at(n, [k, e.currentTarget.value])} />
          <button type="button" class="ghost" aria-label={`Remove header ${n + 1}`} onClick={() => set(rows.filter((_, i) => i !== n))}><Icon name="cross" /></button>
        </div>
      ))}
      <button type="button" class="quiet add" onClick={() => set([...rows, ["", ""]])}><Icon name="plus" />Add a header</button>
      {f.hint && <small class="hint">{f.hint}</small>}
    </fieldset>
  );
}

const examples = ["request.submitted", "request.approved", "request.denied", "emergency.used", "endpoint.silent", "grant.end_failed"];

// Preview shows what would be sent, with an example.
function Preview({ template, body }: { template: string; body: string }): VNode {
  const kind = useSignal(examples[0] ?? "");
  const made = useSignal<TemplatePreview | null>(null), fault = useSignal("");
  const look = (): void => {
    const ask = { kind: kind.value, ...(template ? { template } : body ? { body } : {}) };
    call<TemplatePreview>("POST", "/channels/preview", ask).then(
      (p) => { made.value = p; fault.value = ""; },
      (e: unknown) => { made.value = null; fault.value = e instanceof Fault ? e.message : String(e); });
  };
  return (
    <section class="preview" aria-label="Preview">
      <p><label>Preview of <select aria-label="Event of the preview" value={kind.value} onChange={(e) => { kind.value = e.currentTarget.value; if (made.value) look(); }}>{examples.map((k) => <option key={k} value={k}>{kindName(k).toLowerCase()}</option>)}</select></label><button type="button" class="quiet" onClick={look}>Show what is sent</button></p>
      <Refused text={fault.value} />
      {made.value && <pre tabIndex={0} aria-label="What is sent"><Plain text={pretty(made.value)} limit={20_000} lines /></pre>}
    </section>
  );
}

function pretty(p: TemplatePreview): string {
  if (!p.content_type.includes("json")) return p.body;
  try {
    return JSON.stringify(JSON.parse(p.body), null, 2);
  } catch {
    return p.body;
  }
}
