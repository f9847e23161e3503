// What several pages of the fleet share: words, small pieces, addresses.
import type { ComponentChildren, VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { may } from "../state";
import { Plain } from "../text";
import type { Endpoint, StandingRight } from "../types.gen";
import { Chip, When, type Tone } from "../ui/bits";
import type { TabItem } from "../ui/page";
import "./fleet.css";

const base = "#/endpoints";

export const endpointAddress = (id: string): string => `${base}/list/${encodeURIComponent(id)}`;

export function fleetTabs(on: string): TabItem[] {
  const all: [string, string, string][] = [
    ["", "Endpoints", "endpoints.read"], ["rights", "Standing rights", "rights.read"], ["policies", "Policies", "endpoints.read"],
    ["rollout", "Rollout", "endpoints.read"], ["enrol", "Enrolment", "enrollment.read"],
  ];
  return all.filter(([, , needs]) => may(needs)).map(([path, name]) => ({ to: path ? `${base}/${path}` : base, name, on: on === path }));
}

// State is what an endpoint is, the worst first.
export function stateOf(e: Endpoint): { word: string; tone: Tone } {
  if (e.quarantined) return { word: "Quarantined", tone: "no" };
  if (e.locked) return { word: "Locked", tone: "no" };
  if (e.connected) return { word: "Online", tone: "ok" };
  if (!e.last_seen_at) return { word: "Never seen", tone: "warn" };
  return { word: "Not seen", tone: "" };
}

export function StateChip({ e }: { e: Endpoint }): VNode {
  const s = stateOf(e);
  return <Chip tone={s.tone}>{s.word}</Chip>;
}

export const modeNames: Record<string, string> = { off: "Off", observe: "Observes", ask: "Asks" };
export const modeTones: Record<string, Tone> = { off: "warn", observe: "", ask: "accent" };
export const modeTexts: Record<string, string> = {
  off: "Assent does nothing here: what people may do is what the machine itself lets them.",
  observe: "Nothing is held and nobody is asked. What happens is only noted.",
  ask: "What needs more rights is asked for, and rules or people answer.",
};

export function ModeChip({ mode, paused = null }: { mode: string; paused?: string | null }): VNode {
  return paused ? <Chip tone="warn">Paused</Chip> : <Chip tone={modeTones[mode] ?? ""}>{modeNames[mode] ?? mode}</Chip>;
}

export const osOf = (e: Pick<Endpoint, "os" | "os_version">): string =>
  e.os_version && /[a-z]/i.test(e.os_version) ? e.os_version : [e.os, e.os_version].filter(Boolean).join(" ");

// --- standing rights ---

export const kindNames: Record<string, string> = {
  sudoers: "sudo rule", group: "Administrators' group", root_group: "Group as good as root", uid0: "Second root account", polkit: "polkit rule",
};

export function Who({ r }: { r: StandingRight }): VNode {
  return r.user === "" ? <span>Everybody in <b><Plain text={r.group} limit={60} /></b></span> : <b><Plain text={r.user} limit={60} /></b>;
}

// Through says by what somebody is root.
export function Through({ r }: { r: StandingRight }): VNode {
  if (r.group === "" || r.user === "") return <span>{kindNames[r.kind]}</span>;
  return <span>Member of <Plain text={r.group} limit={60} />{r.kind === "root_group" && ", as good as root"}</span>;
}

// rightState says what stands with a right: taken, ordered, fixed, or open.
export function RightState({ r }: { r: StandingRight }): VNode {
  const o = r.order;
  if (o && !o.done_at) return <Chip tone="warn">{o.action === "take_over" ? "Taking over…" : "Giving back…"}</Chip>;
  if (r.taken) return <Chip tone="ok">Taken over</Chip>;
  if (r.fixed !== "") return <Chip>Only listed</Chip>;
  return <Chip tone="warn">Stands</Chip>;
}

export function rightWhy(r: StandingRight): ComponentChildren {
  const o = r.order;
  if (o && !o.done_at) return <>ordered by <Plain text={o.by} limit={40} />, <When at={o.at} />; the endpoint has not answered</>;
  if (o && !o.done && o.why !== "") return <>left as it is: <Plain text={o.why} limit={200} /></>;
  if (r.taken) return o ? <>by <Plain text={o.by} limit={40} />, <When at={o.done_at ?? o.at} /></> : "it can be given back";
  if (r.fixed !== "") return <Plain text={r.fixed} limit={200} />;
  return r.no_password ? "without a password" : "";
}

export const canTake = (r: StandingRight): boolean => !r.taken && r.fixed === "" && (r.order === null || r.order.done_at !== null);

// useEvery does something again and again: who is connected is no event.
export function useEvery(ms: number, act: () => void): void {
  const latest = useRef(act);
  latest.current = act;
  useEffect(() => {
    const timer = setInterval(() => { if (!document.hidden) latest.current(); }, ms);
    return () => clearInterval(timer);
  }, [ms]);
}
