// Icons as elements: no markup is ever parsed.
import { h, type VNode } from "preact";
import {
  ArrowLeft, Bell, Check, ChevronRight, CircleCheckBig, CircleHelp, Clock, Copy, Fingerprint, Hourglass, KeyRound, LogIn, LogOut, MessageSquareText,
  Monitor, MonitorSmartphone, Moon, MonitorCog, Plus, ShieldCheck, Smartphone, Sun, Trash2, TriangleAlert, Undo2, User, WifiOff, X,
} from "lucide";

const all = {
  back: ArrowLeft, bell: Bell, check: Check, next: ChevronRight, done: CircleCheckBig, ask: CircleHelp, clock: Clock, copy: Copy, passkey: Fingerprint,
  wait: Hourglass, key: KeyRound, leaveTo: LogIn, leave: LogOut, comment: MessageSquareText, endpoint: Monitor, device: MonitorSmartphone, moon: Moon,
  auto: MonitorCog, plus: Plus, shield: ShieldCheck, app: Smartphone, sun: Sun, remove: Trash2, warn: TriangleAlert, undo: Undo2, user: User,
  offline: WifiOff, cross: X,
};

export type IconName = keyof typeof all;

export function Icon({ name, size = 16 }: { name: IconName; size?: number }): VNode {
  const children = all[name].map(([tag, attributes]) => h(tag, attributes as object));
  return h("svg", {
    class: "icon", width: size, height: size, viewBox: "0 0 24 24", fill: "none", stroke: "currentColor",
    "stroke-width": 2, "stroke-linecap": "round", "stroke-linejoin": "round", "aria-hidden": "true",
  }, children);
}
