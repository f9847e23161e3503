// Icons as elements: no markup is ever parsed.
import { h, type VNode } from "preact";
import {
  ArrowLeft, Check, ChevronRight, CircleCheckBig, Clock, Copy, Hourglass, KeyRound, LogOut, Monitor, Moon, MonitorCog,
  ShieldCheck, Sun, TriangleAlert, Undo2, User, WifiOff, X,
} from "lucide";

const all = {
  back: ArrowLeft, check: Check, next: ChevronRight, done: CircleCheckBig, clock: Clock, copy: Copy, wait: Hourglass, key: KeyRound,
  leave: LogOut, endpoint: Monitor, moon: Moon, auto: MonitorCog, shield: ShieldCheck, sun: Sun, warn: TriangleAlert,
  undo: Undo2, user: User, offline: WifiOff, cross: X,
};

export type IconName = keyof typeof all;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }): VNode {
  const children = all[name].map(([tag, attributes]) => h(tag, attributes as object));
  return h("svg", {
    class: "icon", width: size, height: size, viewBox: "0 0 24 24", fill: "none", stroke: "currentColor",
    "stroke-width": 2, "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true",
  }, children);
}
