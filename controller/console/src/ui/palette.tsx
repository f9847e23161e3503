// The command palette: what can be done or opened, found by a few letters.
import { signal, useSignal } from "@preact/signals";
import type { ComponentChildren, VNode } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { Icon, type IconName } from "../icons";

export interface Command {
  id: string;
  group: string;
  icon: IconName;
  name: string; // what is searched
  shown?: ComponentChildren; // instead of the name
  under?: ComponentChildren;
  key?: string; // that does the same
  run: () => void;
}

interface PaletteProps {
  commands: () => readonly Command[]; // what is always offered
  find: (text: string) => Promise<readonly Command[]>; // what is looked up
}

export const paletteOpen = signal(false);

// fits scores a name by the letters in their order; below 0: it does not fit.
function fits(name: string, text: string): number {
  const n = name.toLowerCase(), t = text.toLowerCase().trim();
  if (t === "") return 0;
  const at = n.indexOf(t);
  if (at >= 0) return at === 0 ? 3 : /\s/.test(n.charAt(at - 1)) ? 2 : 1;
  return t.split(/\s+/).every((word) => n.includes(word)) ? 0.5 : -1;
}

export function Palette(props: PaletteProps): VNode | null {
  return paletteOpen.value ? <Open {...props} /> : null;
}

function Open({ commands, find }: PaletteProps): VNode {
  const box = useRef<HTMLDialogElement>(null), list = useRef<HTMLUListElement>(null);
  const text = useSignal(""), at = useSignal(0), found = useSignal<readonly Command[]>([]), looking = useSignal(false);
  const close = (): void => { paletteOpen.value = false; };
  useLayoutEffect(() => {
    const from = document.activeElement;
    box.current?.showModal();
    return () => { if (from instanceof HTMLElement && from.isConnected) from.focus(); };
  }, []);
  useEffect(() => {
    at.value = 0;
    const wanted = text.value.trim();
    if (wanted.length < 2) {
      found.value = [];
      return;
    }
    looking.value = true;
    const timer = setTimeout(() => {
      find(wanted).then((got) => { if (text.value.trim() === wanted) { found.value = got; looking.value = false; } }, () => { looking.value = false; });
    }, 180);
    return () => clearTimeout(timer);
  }, [text.value]);
  const offered = commands().map((c) => ({ c, n: fits(c.name, text.value) })).filter((o) => o.n >= 0).sort((a, b) => b.n - a.n).map((o) => o.c);
  const all = [...(text.value.trim() === "" ? offered : offered.slice(0, 8)), ...found.value];
  const run = (c: Command | undefined): void => {
    if (!c) return;
    close();
    c.run();
  };
  const keys = (e: KeyboardEvent): void => {
    e.stopPropagation();
    const by = e.key === "ArrowDown" ? 1 : e.key === "ArrowUp" ? -1 : 0;
    if (by !== 0 && all.length > 0) {
      at.value = (at.value + by + all.length) % all.length;
      list.current?.querySelector(`[id="palette-${at.value}"]`)?.scrollIntoView({ block: "nearest" });
    } else if (e.key === "Enter") run(all[at.value]);
    else return;
    e.preventDefault();
  };
  return (
    <dialog ref={box} class="palette" aria-label="Find a page, a request, an act" onCancel={(e) => { e.preventDefault(); close(); }} onClick={(e) => { if (e.target === box.current) close(); }} onKeyDown={keys}>
      <label class="palettefield"><Icon name="search" size={18} />
        <input type="text" role="combobox" aria-expanded="true" aria-controls="palette-list" aria-activedescendant={all.length > 0 ? `palette-${at.value}` : undefined} aria-label="Find" autofocus
          placeholder="A page, a request, an endpoint, an act…" maxLength={200} value={text.value} onInput={(e) => { text.value = e.currentTarget.value; }} /><kbd>Esc</kbd></label>
      <ul ref={list} id="palette-list" role="listbox" aria-label="What was found">
        {all.map((c, n) => (
          <li key={c.id} id={`palette-${n}`} role="option" aria-selected={n === at.value} class={n === 0 || all[n - 1]?.group !== c.group ? "begins" : ""} data-group={c.group} onPointerMove={() => { at.value = n; }} onClick={() => run(c)}>
            <Icon name={c.icon} /><span class="palettetext"><span>{c.shown ?? c.name}</span>{c.under !== undefined && <small class="mute">{c.under}</small>}</span>{c.key && <kbd>{c.key}</kbd>}
          </li>
        ))}
      </ul>
      {all.length === 0 && <p class="mute nothing-found" role="status">{looking.value ? "Looking…" : "Nothing is called so."}</p>}
    </dialog>
  );
}
