// One of several things that were chosen.
import type { VNode } from "preact";
import { Icon } from "../icons";
import { Plain } from "../text";

export function PickOne({ text, remove }: { text: string; remove: () => void }): VNode {
  return <li class="picked"><Plain text={text} limit={80} /><button type="button" class="ghost" aria-label={`Remove ${text}`} onClick={remove}><Icon name="cross" size={13} /></button></li>;
}
