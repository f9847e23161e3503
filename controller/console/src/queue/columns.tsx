// Which columns a list has, and in which order: mine, at every screen.
import type { ComponentChildren, VNode } from "preact";
import { Icon } from "../icons";
import { Dialog } from "../ui/dialog";
import { keepColumns, shownColumns } from "./mine";

interface ColumnsProps {
  list: string; // whose columns these are
  title?: string;
  columns: Readonly<Record<string, { name: string } | undefined>>;
  usual: readonly string[];
  close: () => void;
  children?: ComponentChildren; // what else is chosen here
}

export function ChooseColumns({ list, title = "Columns", columns, usual, close, children }: ColumnsProps): VNode {
  const all = Object.keys(columns), on = shownColumns(list, all, usual);
  const put = (next: readonly string[]): void => void keepColumns(list, next);
  const shift = (c: string, by: number): void => {
    const next = on.filter((o) => o !== c);
    next.splice(on.indexOf(c) + by, 0, c);
    put(next);
  };
  return (
    <Dialog title={title} close={close}>
      <div class="form">
        {children}
        <fieldset><legend>Columns, from left to right</legend>
          <ul class="choose-columns">{[...on, ...all.filter((c) => !on.includes(c))].map((c) => {
            const n = on.indexOf(c), name = columns[c]?.name ?? c;
            return (
              <li key={c}><label><input type="checkbox" checked={n >= 0} disabled={c === "request" || on.length === 1 && n >= 0} onChange={() => put(n >= 0 ? on.filter((o) => o !== c) : [...on, c])} />{name}</label>
                {n >= 0 && <span><button type="button" class="ghost" disabled={n === 0} aria-label={`${name}: further left`} onClick={() => shift(c, -1)}><Icon name="up" /></button><button type="button" class="ghost turned" disabled={n === on.length - 1} aria-label={`${name}: further right`} onClick={() => shift(c, 1)}><Icon name="up" /></button></span>}
              </li>
            );
          })}</ul>
        </fieldset>
        <p class="answers"><button type="button" class="quiet" onClick={() => put(usual)}>As usual</button><button type="button" class="primary" onClick={close}>Done</button></p>
      </div>
    </Dialog>
  );
}
