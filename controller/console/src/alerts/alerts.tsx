// Alerts: who is told of what, through which channels, what became of it, and the
// ways in by which other systems say something.
import type { VNode } from "preact";
import type { Where } from "../pages";
import { may } from "../state";
import { Empty } from "../ui/load";
import { Page, type TabItem } from "../ui/page";
import "./alerts.css";
import { ChannelsPage } from "./channels";
import { DeliveriesPage } from "./deliveries";
import { HooksPage } from "./hooks";
import { AlertsList } from "./list";

interface Part { path: string; name: string; needs: string; draw: (at: Where, tabs: readonly TabItem[]) => VNode }

const parts: readonly Part[] = [
  { path: "alerts", name: "Alerts", needs: "alerts.read", draw: (at, tabs) => <AlertsList tabs={tabs} open={at.path[1] ?? ""} event={at.query.get("event") ?? ""} /> },
  { path: "channels", name: "Channels", needs: "alerts.read", draw: (at, tabs) => <ChannelsPage tabs={tabs} open={at.path[1] ?? ""} query={at.query} /> },
  { path: "deliveries", name: "Deliveries", needs: "alerts.read", draw: (at, tabs) => <DeliveriesPage tabs={tabs} query={at.query} /> },
  { path: "hooks", name: "Hooks", needs: "directory.write", draw: (_, tabs) => <HooksPage tabs={tabs} /> },
];

export function AlertsPage(at: Where): VNode {
  const mine = parts.filter((p) => may(p.needs));
  const wanted = at.path[0] ?? "alerts";
  const part = mine.find((p) => p.path === wanted);
  const tabs = mine.map((p) => ({ to: `#/alerts/${p.path}`, name: p.name, on: p.path === wanted }));
  if (part) return part.draw(at, tabs);
  return <Page title="Alerts" tabs={tabs}><Empty icon="shield" title={parts.some((p) => p.path === wanted) ? "This is not open to you" : "There is no such page"}><p>An administrator can give you the role that it needs.</p></Empty></Page>;
}
