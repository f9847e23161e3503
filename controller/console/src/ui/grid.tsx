// A list in columns of which only the rows in sight are in the document. Arrow
// keys move, Enter opens, on a phone each row is two lines.
import { signal, useSignal } from "@preact/signals";
import type { ComponentChildren, VNode } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { Icon } from "../icons";
import { go, phone } from "../route";

export interface Column<T> {
  id: string;
  name: string;
  width?: string; // of a CSS grid track; "minmax(0, 1fr)" if not said
  right?: boolean; // numbers
  phone?: "main" | "under" | "side" | "below"; // first line, second line, right of each; else hidden there
  cell: (row: T) => ComponentChildren;
}

interface GridProps<T> {
  name: string; // for screen readers
  columns: readonly Column<T>[];
  rows: readonly T[];
  keyOf: (row: T) => string;
  total?: number; // when rows are not all yet
  more?: (() => void) | null; // called when the end comes near
  href?: (row: T) => string; // where a row leads
  open?: (row: T) => void; // or what it does
  chosen?: { has: (key: string) => boolean; toggle: (key: string) => void; all: (on: boolean) => void; every: boolean }; // a box in each row
  current?: string; // key of the row that is open
  height?: number; // of a row, pixels
  tone?: (row: T) => string; // further class of a row
}

export const dense = signal(false); // rows as low as they can be
const spare = 8; // rows beyond what is in sight

export function Grid<T>(p: GridProps<T>): VNode {
  const box = useRef<HTMLDivElement>(null);
  const top = useSignal(0);
  const seen = useSignal(600);
  const at = useSignal(0); // the row that the keys are on
  const id = useRef(`grid-${Math.random().toString(36).slice(2, 8)}`).current;
  const height = phone.value ? 64 : (p.height ?? 44) - (dense.value ? 8 : 0);
  useLayoutEffect(() => {
    const el = box.current;
    if (!el) return;
    const look = new ResizeObserver(() => { seen.value = el.clientHeight; });
    look.observe(el);
    return () => look.disconnect();
  }, []);
  const from = Math.max(0, Math.floor(top.value / height) - spare);
  const to = Math.min(p.rows.length, Math.ceil((top.value + seen.value) / height) + spare);
  useEffect(() => { if (p.more && to >= p.rows.length - spare) p.more(); }, [to, p.rows.length]);
  const tracks = (p.chosen ? "36px " : "") + p.columns.map((c) => c.width ?? "minmax(0, 1fr)").join(" ");
  const show = (n: number): void => {
    at.value = n;
    const el = box.current;
    if (!el) return;
    const head = phone.value ? 0 : 36;
    if (n * height < el.scrollTop) el.scrollTop = n * height;
    else if ((n + 1) * height > el.scrollTop + el.clientHeight - head) el.scrollTop = (n + 1) * height - el.clientHeight + head;
  };
  const openRow = (row: T): void => {
    if (p.href) go(p.href(row));
    else p.open?.(row);
  };
  const onKey = (e: KeyboardEvent): void => {
    if (e.target !== box.current || e.ctrlKey || e.metaKey || e.altKey) return;
    const last = p.rows.length - 1, page = Math.max(1, Math.floor(seen.value / height) - 1);
    const moves: Record<string, number> = { ArrowDown: at.value + 1, ArrowUp: at.value - 1, PageDown: at.value + page, PageUp: at.value - page, Home: 0, End: last };
    const next = moves[e.key], row = p.rows[at.value];
    if (next !== undefined) show(Math.max(0, Math.min(last, next)));
    else if (e.key === "Enter" && row) openRow(row);
    else if (e.key === " " && row && p.chosen) p.chosen.toggle(p.keyOf(row));
    else return;
    e.preventDefault();
  };
  const opens = p.href !== undefined || p.open !== undefined;
  return (
    <div class="grid" ref={box} role="grid" tabIndex={0} aria-label={p.name} aria-rowcount={(p.total ?? p.rows.length) + 1} aria-activedescendant={p.rows[at.value] ? `${id}-${at.value}` : undefined}
      style={{ "--cols": tracks, "--rowh": `${height}px` }} onScroll={(e) => { top.value = e.currentTarget.scrollTop; }} onKeyDown={onKey}>
      <div class="gridhead" role="row" aria-rowindex={1}>
        {p.chosen && <span role="columnheader" class="box"><input type="checkbox" aria-label="Choose all" checked={p.chosen.every} onChange={(e) => p.chosen?.all(e.currentTarget.checked)} /></span>}
        {p.columns.map((c) => <span key={c.id} role="columnheader" class={c.right ? "right" : ""}>{c.name}</span>)}
      </div>
      <div class="gridrows" role="rowgroup" style={{ height: `${p.rows.length * height}px` }}>
        {p.rows.slice(from, to).map((row, i) => {
          const n = from + i, key = p.keyOf(row);
          return (
            <div key={key} id={`${id}-${n}`} role="row" aria-rowindex={n + 2} aria-selected={p.chosen ? p.chosen.has(key) : p.current === undefined ? undefined : p.current === key}
              class={`gridrow ${opens ? "opens" : ""} ${at.value === n ? "at" : ""} ${p.current === key ? "now" : ""} ${p.tone?.(row) ?? ""}`} style={{ transform: `translateY(${n * height}px)` }}
              onClick={(e) => { if (!(e.target as Element).closest("a, button, input, select, label")) { at.value = n; openRow(row); } }}>
              {p.chosen && <span role="gridcell" class="box"><input type="checkbox" tabIndex={-1} aria-label="Choose this row" checked={p.chosen.has(key)} onChange={() => p.chosen?.toggle(key)} /></span>}
              {p.columns.map((c) => <span key={c.id} role="gridcell" class={`cell ${c.right ? "right" : ""} ${c.phone ? `p-${c.phone}` : "p-hide"}`}>{c.cell(row)}</span>)}
            </div>
          );
        })}
      </div>
      {p.more && <p class="gridmore mute"><Icon name="wait" />{p.total !== undefined ? `${p.rows.length} of ${p.total}` : "More are read"}</p>}
    </div>
  );
}
