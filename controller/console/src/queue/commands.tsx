// What the command palette offers: pages, acts of the queue, requests, endpoints.
import type { VNode } from "preact";
import { call } from "../api";
import { forSeats, pages } from "../pages";
import { go, route } from "../route";
import { current, may, me } from "../state";
import { Command as Line, Plain, programName } from "../text";
import type { Page } from "../types";
import type { Endpoint, Request } from "../types.gen";
import { Palette, type Command } from "../ui/palette";
import { help, queueKeys } from "./keys";
import { outcome } from "./words";

function offered(): Command[] {
  const r = current.value;
  const acts = route.value.page !== "desk" ? [] : queueKeys.filter((k) => k.group !== "Move" && (!k.needs || may(k.needs))).map((k): Command =>
    ({ id: k.name, group: "This request", icon: "next", name: k.name, key: k.shown, run: () => k.act(r) }));
  return [
    ...(may("requests.read") ? [{ id: "queue", group: "Pages", icon: "inbox" as const, name: "Queue", key: "G Q", run: () => go("#/") }] : []),
    ...pages.filter((p) => me.value?.seat ? forSeats.includes(p.path) : p.needs === "" || may(p.needs)).map((p): Command => ({ id: p.path, group: "Pages", icon: p.icon, name: p.name, run: () => go(`#/${p.path}`) })),
    ...(me.value?.seat ? [] : [{ id: "me", group: "Pages", icon: "user", name: "Your account", run: () => go("#/me") } as const]),
    { id: "keys", group: "Pages", icon: "ask", name: "All keys", key: "?", run: () => { help.value = true; } },
    ...acts,
  ];
}

async function find(text: string): Promise<Command[]> {
  const q = encodeURIComponent(text);
  const [requests, endpoints] = await Promise.allSettled([
    call<Page<Request>>("GET", `/requests?status=all&sort=newest&limit=6&q=${q}`),
    may("endpoints.read") ? call<Page<Endpoint>>("GET", `/endpoints?limit=5&q=${q}`) : Promise.reject(new Error("not open")),
  ]);
  return [
    ...(requests.status === "fulfilled" ? requests.value.items : []).map((r): Command => ({
      id: r.id, group: "Requests", icon: "list", name: r.id, run: () => go(`#/all/${r.id}`),
      shown: <Line path={programName(r)} args={r.subject.args} most={5} />,
      under: <><Plain text={r.user.name} limit={40} /> on <Plain text={r.endpoint.name ?? r.endpoint.id} limit={40} />, {outcome(r).word.toLowerCase()}</>,
    })),
    ...(endpoints.status === "fulfilled" ? endpoints.value.items : []).map((e): Command => ({
      id: e.id, group: "Endpoints", icon: "endpoint", name: e.name, shown: <Plain text={e.name} limit={80} />, run: () => go(`#/endpoints/${e.id}`),
    })),
  ];
}

export const Commands = (): VNode => <Palette commands={offered} find={find} />;
