// The queue by what requests have in common: one answer for a whole group.
import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import { count, span } from "../format";
import { call } from "../api";
import { Icon } from "../icons";
import { keep, may, now, select } from "../state";
import { Command, Plain, programName } from "../text";
import type { Page } from "../types";
import type { Request, RequestGroup } from "../types.gen";
import { Grid, type Column } from "../ui/grid";
import { Empty, Loaded, toast, usePages } from "../ui/load";
import { asking } from "./bulk";
import { asked, filter, narrow, narrowed, none, query, type Grouping } from "./filter";

const without: Record<Grouping, string> = { program: "no program: sessions", publisher: "not signed", user: "nobody", endpoint: "no endpoint" };

export function Groups({ by }: { by: Grouping }): VNode {
  const narrowing = asked(filter.value);
  useEffect(() => select(null), []); // no key answers what is not in sight
  const list = usePages<RequestGroup>(`/requests?status=pending&group_by=${by}${narrowing && `&${narrowing}`}`, ["request."], 100);
  const name = (g: RequestGroup): string => g.name || without[by];
  const open = (g: RequestGroup): void => {
    if (g.key !== "") narrow({ [by]: g.key, group: "" });
  };
  const columns: readonly Column<RequestGroup>[] = [
    { id: "name", name: by.charAt(0).toUpperCase() + by.slice(1), phone: "main", cell: (g) => <b class="groupname"><Plain text={name(g)} limit={120} /></b> },
    { id: "n", name: "Waiting", width: "64px", right: true, phone: "side", cell: (g) => <b>{g.count.toLocaleString("en")}</b> },
    { id: "oldest", name: "Longest", width: "84px", cell: (g) => span(now.value - Date.parse(g.oldest_at)) },
    { id: "sample", name: "The oldest of them", width: "minmax(0, 2fr)", phone: "under", cell: (g) => <Command path={programName(g.sample)} args={g.sample.subject.args} most={5} /> },
    ...(may("requests.decide") ? [{ id: "acts", name: "Answer all", width: "208px", phone: "below", cell: (g) => <span class="groupacts">
      <button class="approve" aria-label={`Approve all ${g.count} of ${name(g)}`} onClick={() => ask(g, "approve")}><Icon name="check" /><span class="verb">Approve</span></button>
      <button class="deny" aria-label={`Deny all ${g.count} of ${name(g)}`} onClick={() => ask(g, "deny")}><Icon name="cross" /><span class="verb">Deny</span></button></span> } satisfies Column<RequestGroup>] : []),
  ];
  // The answer is for those that are there to be seen now, not for what joins the
  // group while somebody reads.
  const ask = (g: RequestGroup, action: "approve" | "deny"): void => {
    const of = (r: Request): boolean => g.key !== "" || (by === "publisher" ? !r.subject.publisher?.name : by === "program" ? r.subject.path === "" : false);
    const among = query({ ...filter.value, group: "", ...(g.key === "" ? {} : { [by]: g.key }) });
    call<Page<Request>>("GET", `/requests?status=pending&limit=500${among && `&${among}`}`).then((p) => {
      const items = p.items.filter(of);
      keep(items, new Set());
      asking.value = { action, ids: items.map((r) => r.id), group: { name: name(g), count: g.count } };
    }, (e: unknown) => toast((e as Error).message, "no"));
  };
  return (
    <section class="list grouped" aria-label={`Requests by ${by}`}>
      <Loaded of={list}>
        {list.rows?.length === 0 ? (
          <Empty icon={narrowed(filter.value) ? "search" : "done"} title={narrowed(filter.value) ? "Nothing here matches" : "Nothing is waiting"}>
            {narrowed(filter.value) && <button class="quiet" onClick={() => { filter.value = { ...none, group: by }; }}>Clear filters</button>}
          </Empty>
        ) : <Grid name={`Groups by ${by}`} columns={columns} rows={list.rows ?? []} keyOf={(g) => g.key} more={list.more} open={open} />}
      </Loaded>
      <p class="unseen">{count(list.rows?.length ?? 0, "group")}</p>
    </section>
  );
}
