// A page with one thing on it, for somebody who is signed in.
import type { ComponentChildren, VNode } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { Icon, type IconName } from "./icons";
import { go } from "./route";
import { may, me } from "./state";
import { Plain } from "./text";

interface LeafProps {
  title: string;
  icon: IconName;
  tone?: string;
  children: ComponentChildren;
}

export function Leaf({ title, icon, tone = "", children }: LeafProps): VNode {
  const head = useRef<HTMLHeadingElement>(null);
  useLayoutEffect(() => { if (!(document.activeElement instanceof HTMLInputElement)) head.current?.focus(); }, [title]);
  return (
    <main class="door">
      <section class="card leaf" aria-label={title}>
        <header><span class={`mark ${tone}`}><Icon name={icon} size={18} /></span><span class="cluster mute">signed in as <Plain text={me.value?.login ?? ""} limit={40} /></span></header>
        <h1 ref={head} tabIndex={-1}>{title}</h1>
        {children}
        <button class="ghost wide away" onClick={() => go("#/")}><Icon name="back" />{may("requests.read") ? "To the queue" : "To my requests"}</button>
      </section>
    </main>
  );
}
