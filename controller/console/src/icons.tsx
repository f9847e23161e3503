// Icons: one picture that webbuild makes of what icons.json names, with a part for
// each. They are no part of the script, and no markup is ever parsed.
import { h, type VNode } from "preact";
import type names from "./icons.json";
import picture from "./icons.svg";

export type IconName = keyof typeof names;

const at = new URL(picture, import.meta.url).pathname;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }): VNode {
  return h("svg", { class: "icon", width: size, height: size, "aria-hidden": "true" }, h("use", { href: `${at}#${name}` }));
}
