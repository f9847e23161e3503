// Policies: what endpoints do, by label. The first of the list that fits counts.
import { signal, useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import { call, Fault } from "../api";
import { count } from "../format";
import { Icon } from "../icons";
import { Refused } from "../notes";
import { present } from "../presence";
import { go } from "../route";
import { may, said } from "../state";
import { Plain } from "../text";
import type { Policies, Policy } from "../types.gen";
import { labelsOf } from "../ui/address";
import { When } from "../ui/bits";
import { askFor } from "../ui/dialog";
import { LabelList } from "../ui/fields";
import { Empty, Loaded, toast, useDoing, useLoad } from "../ui/load";
import { Page } from "../ui/page";
import { fleetTabs, ModeChip } from "./common";
import { mechanismNames, PolicyEditor, whereFaulty, type Faults } from "./policy";

export interface Draft extends Policy { key: number }

// What is changed and not saved stays while one looks at other pages.
const draft = signal<{ over: number; items: Draft[] } | null>(null);
let keys = 0;
const drafted = (items: readonly Policy[]): Draft[] => items.map((p) => ({ ...p, key: ++keys }));

// within says whether everything with the narrow labels has the wide ones too; then
// the narrow policy must stand above the wide one.
const within = (narrow: Policy["labels"] = {}, wide: Policy["labels"] = {}): boolean => Object.entries(wide).every(([k, v]) => narrow[k] === v);
const equal = (a: Policy["labels"], b: Policy["labels"]): boolean => within(a, b) && within(b, a);

export function PoliciesPage({ query }: { query: URLSearchParams }): VNode {
  const now = useLoad<Policies>("/policies", ["policy.", "endpoint."]);
  const editing = useSignal<{ item: Draft; fresh: boolean; faults: Faults } | null>(null);
  const d = useDoing();
  const writes = may("endpoints.write");
  const data = now.data, changed = writes ? draft.value : null;
  const saved = useMemo(() => drafted(data?.items ?? []), [data]);
  const items = changed?.items ?? saved;
  const change = (next: Draft[]): void => { draft.value = { over: changed?.over ?? data?.version ?? 0, items: next }; d.clear(); };
  const add = (labels: Record<string, string>): void => { editing.value = { item: { key: ++keys, name: "", labels, mode: "ask" }, fresh: true, faults: {} }; };
  const wanted = query.get("new");
  useEffect(() => { // from the rollout: a new ring
    if (wanted === null || !data || !writes) return;
    const labels = labelsOf(wanted) ?? {}, there = items.find((p) => equal(p.labels, labels));
    if (there) editing.value = { item: { ...there, mode: "ask" }, fresh: false, faults: {} };
    else add(labels);
    go("#/endpoints/policies", true);
  }, [wanted, data !== null]);
  const accept = (p: Draft): void => {
    const at = items.findIndex((x) => x.key === p.key);
    if (at >= 0) change(items.map((x) => (x.key === p.key ? p : x)));
    else {
      const wider = items.findIndex((x) => within(p.labels, x.labels));
      change(items.toSpliced(wider < 0 ? items.length : wider, 0, p));
    }
    editing.value = null;
  };
  const save = (): void => void d.run(async () => {
    if (!changed) return;
    const body = { version: changed.over, items: changed.items.map(({ key: _key, ...p }) => p) };
    try {
      await present(() => call<Policies>("PUT", "/policies", body));
    } catch (e) {
      const at = e instanceof Fault && e.status === 400 || e instanceof Fault && e.status === 422 ? whereFaulty(e.message, changed.items) : null;
      if (at) editing.value = { item: at.item, fresh: false, faults: at.faults };
      throw e;
    }
    draft.value = null;
    now.again();
    toast("The policies are saved. Endpoints get them within seconds.");
  });
  const discard = (): void => askFor({
    title: "Drop your changes", action: "Drop them", danger: true, text: <p>The list is as it was saved last. What you changed since is lost.</p>,
    act: async () => { draft.value = null; d.clear(); now.again(); },
  });
  const old = changed !== null && data !== null && data.version !== changed.over;
  return (
    <Page title="Policies" tabs={fleetTabs("policies")} under="What endpoints do, by their labels. From the top, the first policy that fits an endpoint counts; so narrow ones stand above wide ones."
      actions={writes && data && <button class="primary" onClick={() => add({})}><Icon name="plus" />New policy</button>}>
      <Loaded of={now} ready={data !== null} rows={5}>
        {changed && <div class="unsaved" role="status">
          <Icon name="edit" /><span>{old ? <><b>Somebody saved other policies meanwhile</b> (version {data?.version}, <Plain text={data?.changed_by ?? ""} limit={60} />). Drop your changes to see them.</> : <b>Your changes are not saved.</b>}</span>
          <button class="quiet" onClick={discard}>Drop…</button>{!old && <button class="primary" disabled={d.busy} onClick={save}>{d.busy ? "Saving…" : "Save policies"}</button>}
        </div>}
        <Refused text={d.fault} />
        {items.length === 0 ? (
          <Empty icon="rules" title="No policy yet"><p>Without one, each endpoint does as it was enrolled: it observes or asks.</p>{writes && <button class="primary" onClick={() => add({})}>Make the first one</button>}</Empty>
        ) : <List items={items} data={data} writes={writes} change={change} edit={(item) => { editing.value = { item, fresh: false, faults: {} }; }} />}
        {data?.changed_at && <p class="mute">Version {data.version}, saved by <Plain text={data.changed_by} limit={60} /> <When at={data.changed_at} />.</p>}
      </Loaded>
      {editing.value && <PolicyEditor key={editing.value.item.key} start={editing.value.item} fresh={editing.value.fresh} faults={editing.value.faults} others={items.filter((x) => x.key !== editing.value?.item.key)} writes={writes} close={() => { editing.value = null; }} accept={accept} />}
    </Page>
  );
}

interface ListProps { items: Draft[]; data: Policies | null; writes: boolean; change: (items: Draft[]) => void; edit: (p: Draft) => void }

function List({ items, data, writes, change, edit }: ListProps): VNode {
  const dragged = useSignal<number | null>(null), over = useSignal<number | null>(null);
  const place = (from: number, to: number): void => {
    if (to < 0 || to >= items.length || from === to) return;
    const next = [...items], [p] = next.splice(from, 1);
    if (!p) return;
    next.splice(to, 0, p);
    change(next);
    said.value = `${p.name} is now number ${to + 1} of ${items.length}`;
  };
  const move = (from: number, by: number): void => {
    place(from, from + by);
    requestAnimationFrame(() => document.querySelector<HTMLElement>(`[data-policy="${items[from]?.key}"]`)?.focus());
  };
  const remove = (p: Draft): void => askFor({
    title: `Remove ${p.name}`, action: "Remove", danger: true, text: <p>When you save, its endpoints get the next policy that fits them. Until then nothing changes.</p>,
    act: async () => change(items.filter((x) => x !== p)),
  });
  const rest = data?.reach.find((r) => r.policy === "");
  return (
    <ol class="policies" aria-label="Policies, the first that fits counts">
      {items.map((p, n) => (
        <li key={p.key} data-policy={p.key} tabIndex={0} class={`policy ${over.value === n && dragged.value !== null && dragged.value !== n ? (dragged.value < n ? "after" : "before") : ""} ${dragged.value === n ? "dragged" : ""}`} aria-label={`${n + 1}. ${p.name}`}
          draggable={writes} onDragStart={(e) => { dragged.value = n; e.dataTransfer?.setData("text/plain", p.name); }} onDragEnd={() => { dragged.value = over.value = null; }}
          onDragOver={(e) => { if (dragged.value !== null) { e.preventDefault(); over.value = n; } }} onDrop={(e) => { e.preventDefault(); if (dragged.value !== null) place(dragged.value, n); dragged.value = over.value = null; }}
          onKeyDown={(e) => {
            if (e.target !== e.currentTarget) return;
            if (writes && e.altKey && (e.key === "ArrowUp" || e.key === "ArrowDown")) { e.preventDefault(); move(n, e.key === "ArrowUp" ? -1 : 1); }
            else if (e.key === "Enter") edit(p);
          }}>
          <span class="place" aria-hidden="true">{n + 1}</span>
          <div class="policybody">
            <p class="policyname"><b><Plain text={p.name} limit={64} /></b><ModeChip mode={p.mode ?? "ask"} /></p>
            <p class="policyfor">{Object.keys(p.labels ?? {}).length === 0 ? <span class="label">every endpoint</span> : <LabelList labels={p.labels} most={8} />}</p>
            <p class="mute">{summary(p)}</p>
          </div>
          <Reach data={data} p={p} />
          <span class="policyacts">
            {writes && <><button class="ghost" aria-label={`Move ${p.name} up`} title="Up (Alt+Up)" disabled={n === 0} onClick={() => place(n, n - 1)}><span class="flip"><Icon name="down" /></span></button>
              <button class="ghost" aria-label={`Move ${p.name} down`} title="Down (Alt+Down)" disabled={n === items.length - 1} onClick={() => place(n, n + 1)}><Icon name="down" /></button></>}
            <button class="quiet" onClick={() => edit(p)}>{writes ? "Edit" : "See"}</button>
            {writes && <button class="ghost" aria-label={`Remove ${p.name}`} onClick={() => remove(p)}><Icon name="remove" /></button>}
          </span>
        </li>
      ))}
      {rest && rest.endpoints > 0 && <li class="policy rest"><span class="place" aria-hidden="true">…</span><div class="policybody"><p class="policyname"><b>All others</b></p><p class="mute">No policy fits them: they do as they were enrolled.</p></div><span class="reach">{count(rest.endpoints, "endpoint")}</span></li>}
    </ol>
  );
}

function Reach({ data, p }: { data: Policies | null; p: Draft }): VNode {
  const saved = data?.items.find((x) => x.name === p.name);
  const reach = data?.reach.find((r) => r.policy === p.name);
  const same = saved && JSON.stringify(saved.labels ?? {}) === JSON.stringify(p.labels ?? {});
  if (!same || !reach) return <span class="reach mute">after saving</span>;
  return <a class="reach" href={`#/endpoints?labels=${encodeURIComponent(Object.entries(p.labels ?? {}).map(([k, v]) => `${k}=${v}`).join(","))}`}>{count(reach.endpoints, "endpoint")}</a>;
}

// summary says in one line what is special about a policy.
function summary(p: Policy): string {
  const parts = Object.entries(p.mechanisms ?? {}).map(([m, v]) => `${mechanismNames[m] ?? m}: ${v}`);
  if (p.reason_min) parts.push(`reasons of ${p.reason_min} characters or more`);
  if (p.presets?.length) parts.push(count(p.presets.length, "ready reason"));
  if (p.confirm === "password") parts.push("own password before use");
  if (p.confirm === "passkey") parts.push("passkey before use");
  if (p.break_glass) parts.push(`break-glass group ${p.break_glass}`);
  if (p.offline?.rules) parts.push("rules also offline");
  if (p.offline?.codes) parts.push("offline codes");
  const rights = Object.keys(p.authorization_rights ?? {}).length;
  if (rights > 0) parts.push(count(rights, "authorization right") + " of macOS");
  if (p.budget) parts.push("a budget of time");
  return parts.length === 0 ? "Nothing but the mode." : parts.join("; ");
}
