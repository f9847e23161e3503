// A list as a file: every row that its filter has, not only those that were read
// for the screen.
import type { VNode } from "preact";
import { call } from "../api";
import { count } from "../format";
import { Icon } from "../icons";
import { save } from "./bits";
import { toast, useDoing } from "./load";

const most = 20_000; // rows of one file

// A cell of CSV: quoted, and never a formula for a spreadsheet.
const cell = (v: unknown): string => {
  const text = v === null || v === undefined ? "" : typeof v === "object" ? JSON.stringify(v) : String(v);
  return `"${(/^[=+\-@\t\r]/.test(text) ? `'${text}` : text).replaceAll('"', '""')}"`;
};

interface ExportProps<T> {
  name: string;
  columns: readonly string[];
  rows?: readonly T[]; // these are all
  path?: string; // or a list that is read to its end
  flat?: (row: T) => object;
}

// Export offers CSV and JSON, and says when a list is longer than a file may be.
export function Export<T extends object>({ name, columns, rows = [], path, flat = (row) => row }: ExportProps<T>): VNode {
  const d = useDoing();
  const get = (csv: boolean): void => void d.run(async () => {
    const all = [...rows];
    let next = path === undefined ? null : "";
    while (next !== null && all.length < most) {
      const p: { items: T[] | null; next_cursor?: string | null } = await call("GET", `${path}${path?.includes("?") ? "&" : "?"}limit=500${next && `&cursor=${encodeURIComponent(next)}`}`);
      all.push(...(p.items ?? []));
      next = p.next_cursor ?? null;
    }
    const table = all.map(flat) as Record<string, unknown>[];
    if (csv) save(`${name}.csv`, "text/csv", [columns, ...table.map((r) => columns.map((c) => r[c]))].map((line) => `${line.map(cell).join()}\r\n`).join(""));
    else save(`${name}.json`, "application/json", JSON.stringify(table, null, 2));
    if (next === null) toast(`${count(all.length, "row")} saved.`);
    else toast(`Only the first ${all.length.toLocaleString("en")} rows are in the file. Narrow the list for the others.`, "no");
  }).then((ok) => { if (!ok) toast("The rows could not be read. Try again.", "no"); });
  return <span class="export">{["CSV", "JSON"].map((as) => <button key={as} class="quiet" disabled={d.busy} onClick={() => get(as === "CSV")}><Icon name="download" />{as}</button>)}</span>;
}
