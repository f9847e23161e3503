// The frame of a page: its title, what can be done, its parts.
import type { ComponentChildren, VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Icon, type IconName } from "../icons";
import { phone } from "../route";
import { Plain } from "../text";
import { toasts, untoast } from "./load";

interface PageProps {
  title: string;
  under?: ComponentChildren; // one sentence: what this page is for
  actions?: ComponentChildren; // one .primary at most
  back?: { to: string; name: string };
  tabs?: readonly TabItem[];
  wide?: boolean; // a list that fills the window and scrolls by itself
  children: ComponentChildren;
}

export interface TabItem { to: string; name: string; on: boolean; n?: number | undefined }

// Page is a whole page. The title takes the focus when one arrives, so that a
// screen reader says where one is.
export function Page({ title, under, actions, back, tabs, wide = false, children }: PageProps): VNode {
  const head = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    const at = document.activeElement;
    if (at === null || at === document.body || at.closest(".side, .top")) head.current?.focus();
  }, [title]);
  return (
    <main class={wide ? "page fills" : "page"}>
      <header class="pagehead">
        {back && <a class="ghost back-to" href={back.to}><Icon name="back" />{back.name}</a>}
        <div class="titles"><h1 ref={head} tabIndex={-1}><Plain text={title} limit={200} /></h1>{actions !== undefined && <div class="pageacts">{actions}</div>}</div>
        {under !== undefined && <p class="mute">{under}</p>}
        {tabs && <Tabs items={tabs} />}
      </header>
      {children}
    </main>
  );
}

// Tabs are links: each has an address.
export function Tabs({ items }: { items: readonly TabItem[] }): VNode {
  const bar = useRef<HTMLElement>(null);
  const on = items.find((t) => t.on)?.to;
  useEffect(() => { // on a narrow screen the one that is open is in sight
    const tab = bar.current?.querySelector<HTMLElement>(".on");
    if (bar.current && tab) bar.current.scrollLeft = tab.offsetLeft - bar.current.offsetLeft - (bar.current.clientWidth - tab.clientWidth) / 2;
  }, [on, phone.value]);
  return (
    <nav class="tabs" aria-label="Parts of this page" ref={bar}>
      {items.map((t) => <a key={t.to} href={t.to} class={t.on ? "tab on" : "tab"} aria-current={t.on ? "page" : undefined}>{t.name}{t.n !== undefined && <span class="n">{t.n}</span>}</a>)}
    </nav>
  );
}

interface PanelProps { title: string; under?: ComponentChildren; icon?: IconName; actions?: ComponentChildren; children: ComponentChildren }

// Panel is one part of a page, with a name.
export function Panel({ title, under, icon, actions, children }: PanelProps): VNode {
  return (
    <section class="panel" aria-label={title}>
      <header>{icon && <Icon name={icon} size={18} />}<div><h2>{title}</h2>{under !== undefined && <p class="mute">{under}</p>}</div>{actions !== undefined && <div class="pageacts">{actions}</div>}</header>
      {children}
    </section>
  );
}

export function Toasts(): VNode {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map((t) => (
        <div key={t.n} class={`toast ${t.tone}`}>
          <Icon name={t.tone === "no" ? "warn" : "check"} /><span>{t.text}</span>
          {t.act && <button class="quiet" onClick={() => { untoast(t.n); t.act?.do(); }}>{t.act.name}</button>}
          <button class="ghost" aria-label="Close this message" onClick={() => untoast(t.n)}><Icon name="cross" /></button>
        </div>
      ))}
    </div>
  );
}
