// The bar above the list: search, filters, grouping, columns and saved views.
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import { Icon } from "../icons";
import { Plain } from "../text";
import { Dialog } from "../ui/dialog";
import { Field, Search } from "../ui/fields";
import { chooseAll, chosen } from "./chosen";
import { ChooseColumns } from "./columns";
import { filter, groupings, narrow, narrowed, none, parse, query, type Filter, type Grouping } from "./filter";
import { known, length } from "./line";
import { columns, usualColumns } from "./list";
import { keepMine, mine, viewsOf } from "./mine";
import { learnTeams, teams } from "./teams";
import { accessName, priorityName } from "./words";

const groupNames: Record<Grouping, string> = { program: "program", publisher: "publisher", user: "user", endpoint: "endpoint" };

export function Toolbar(): VNode {
  const f = filter.value;
  const open = useSignal<"" | "filters" | "columns" | "view">("");
  const shut = (): void => { open.value = ""; };
  const on = (["priority", "team", "user", "endpoint", "program", "publisher", "access_type"] as const).filter((k) => f[k] !== "");
  return (
    <div class="toolbar" role="search">
      <div class="line1">
        {f.group === "" && <input type="checkbox" aria-label="Choose all that are shown" title="Choose all that are shown" checked={chosen.value.size > 0 && chosen.value.size >= Math.min(500, known.value.length)} disabled={length.value === 0}
          ref={(el) => { if (el) el.indeterminate = chosen.value.size > 0 && chosen.value.size < Math.min(500, known.value.length); }} onChange={(e) => chooseAll(e.currentTarget.checked)} />}
        <Search name="Search the queue" placeholder="Search" value={f.q} set={(q) => narrow({ q: q.trim() })} />
        <button class={on.length > 0 ? "quiet set" : "quiet"} aria-haspopup="dialog" title="Filter" onClick={() => { open.value = "filters"; }}><Icon name="filter" /><span class="word">Filter</span>{on.length > 0 && <span class="n">{on.length}</span>}</button>
        <select aria-label="Group by" class={f.group ? "set" : ""} value={f.group} onChange={(e) => narrow({ group: e.currentTarget.value as Grouping | "" })}>
          <option value="">No groups</option>{groupings.map((g) => <option key={g} value={g}>By {groupNames[g]}</option>)}
        </select>
        <button class="ghost" aria-haspopup="dialog" aria-label="Columns and density" title="Columns and density" onClick={() => { open.value = "columns"; }}><Icon name="columns" /></button>
      </div>
      <Views save={() => { open.value = "view"; }} />
      {on.length > 0 && <ul class="facets" aria-label="Filters">{on.map((k) => (
        <li key={k}><button class="facet" title="Remove this filter" onClick={() => narrow({ [k]: "" })}><span class="unseen">Remove the filter </span><span class="mute">{facetName(k)}</span><Plain text={facetValue(k, f[k])} limit={50} /><Icon name="cross" size={13} /></button></li>
      ))}<li><button class="ghost" onClick={() => { filter.value = { ...none, group: f.group }; }}>Clear</button></li></ul>}
      {open.value === "filters" && <Filters close={shut} />}
      {open.value === "columns" && <ChooseColumns list="queue" title="Columns and density" columns={columns} usual={usualColumns} close={shut}><Density /></ChooseColumns>}
      {open.value === "view" && <SaveView close={shut} />}
    </div>
  );
}

const facetName = (k: keyof Filter): string => ({ priority: "Priority", team: "Team", user: "User", endpoint: "Endpoint", program: "Program", publisher: "Publisher", access_type: "Access", q: "Text", group: "Group" })[k];

function facetValue(k: keyof Filter, v: string): string {
  if (k === "priority") return v.split(",").map(priorityName).join(", ");
  if (k === "access_type") return v.split(",").map(accessName).join(", ");
  return k === "team" ? teams.value.find((t) => t.id === v)?.name ?? v : v;
}

function Views({ save }: { save: () => void }): VNode | null {
  const all = viewsOf("queue"), here = query(filter.value);
  const saved = all.some((v) => v.query === `queue?${here}`);
  if (all.length === 0 && !narrowed(filter.value) && filter.value.group === "") return null;
  return (
    <nav class="views" aria-label="Saved views">
      <button class={here === "" ? "view on" : "view"} aria-pressed={here === ""} onClick={() => { filter.value = none; }}>Everything</button>
      {all.map((v) => {
        const on = v.query === `queue?${here}`;
        return (
          <span key={v.name} class={on ? "view on" : "view"}>
            <button aria-pressed={on} onClick={() => { filter.value = parse(v.query.slice(6)); }}><Plain text={v.name} limit={40} /></button>
            {on && <button aria-label={`Forget the view ${v.name}`} title="Forget this view" onClick={() => void keepMine({ views: (mine.value?.views ?? []).filter((o) => o !== v) })}><Icon name="cross" size={13} /></button>}
          </span>
        );
      })}
      {!saved && here !== "" && mine.value !== null && <button class="view save" onClick={save}><Icon name="plus" size={14} />Save this view</button>}
    </nav>
  );
}

function SaveView({ close }: { close: () => void }): VNode {
  const name = useSignal("");
  const send = (e: Event): void => {
    e.preventDefault();
    const called = name.value.trim();
    void keepMine({ views: [...(mine.value?.views ?? []).filter((v) => v.name !== called), { name: called, query: `queue?${query(filter.value)}` }] });
    close();
  };
  return (
    <Dialog title="Save this view" close={close}>
      <form class="form" onSubmit={send}>
        <Field name="Name" hint="The filters, the search and the grouping of now, at every screen of yours."><input required maxLength={60} autofocus value={name.value} onInput={(e) => { name.value = e.currentTarget.value; }} /></Field>
        <p class="answers"><button type="button" class="quiet" onClick={close}>Cancel</button><button class="primary">Save</button></p>
      </form>
    </Dialog>
  );
}

function Filters({ close }: { close: () => void }): VNode {
  const f = useSignal<Filter>(filter.value);
  useEffect(() => void learnTeams(), []);
  const set = (part: Partial<Filter>): void => { f.value = { ...f.value, ...part }; };
  const some = (list: string, one: string): string => (list.split(",").includes(one) ? list.split(",").filter((p) => p !== one) : [...list.split(","), one]).filter((p) => p !== "").join(",");
  const boxes = (k: "priority" | "access_type", all: readonly string[], name: (v: string) => string, title: string): VNode => (
    <fieldset><legend>{title}</legend><div class="checks">{all.map((v) => <label key={v}><input type="checkbox" checked={f.value[k].split(",").includes(v)} onChange={() => set({ [k]: some(f.value[k], v) })} />{name(v)}</label>)}</div></fieldset>
  );
  const line = (k: "user" | "endpoint" | "program" | "publisher", name: string, hint: string): VNode => (
    <Field name={name}><input maxLength={200} placeholder={hint} value={f.value[k]} onInput={(e) => set({ [k]: e.currentTarget.value.trim() })} /></Field>
  );
  return (
    <Dialog title="Filter the queue" close={close}>
      <form class="form" onSubmit={(e) => { e.preventDefault(); narrow(f.value); close(); }}>
        {boxes("priority", ["urgent", "high", "normal", "low"], priorityName, "Priority")}
        {boxes("access_type", ["run", "session", "admin"], accessName, "Kind of access")}
        {teams.value.length > 0 && <Field name="Team"><select value={f.value.team} onChange={(e) => set({ team: e.currentTarget.value })}><option value="">Every team</option>{teams.value.map((t) => <option key={t.id} value={t.id}>{t.name}</option>)}</select></Field>}
        <div class="pair">{line("user", "User", "name at the endpoint")}{line("endpoint", "Endpoint", "name")}</div>
        <div class="pair">{line("program", "Program", "such as systemctl")}{line("publisher", "Publisher", "who signed it")}</div>
        <p class="answers"><button type="button" class="ghost" onClick={() => { f.value = { ...none, q: filter.value.q, group: filter.value.group }; }}>Clear</button><button type="button" class="quiet" onClick={close}>Cancel</button><button class="primary">Show</button></p>
      </form>
    </Dialog>
  );
}

// Density stands with the columns of the queue.
function Density(): VNode {
  const density = mine.value?.density ?? "comfortable";
  return (
    <fieldset class="densities"><legend>Density</legend><div class="checks">
      {(["comfortable", "compact"] as const).map((d) => <label key={d}><input type="radio" name="density" checked={density === d} onChange={() => void keepMine({ density: d })} />{d === "compact" ? "Compact: one line each" : "Comfortable: two lines each"}</label>)}
    </div></fieldset>
  );
}
