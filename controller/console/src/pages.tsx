// Every page that is reached by the side bar: its address, its name, who may see
// it, and what draws it. The controller checks what is done there; the side bar
// only leaves out what would be refused.
import type { VNode } from "preact";
import { AlertsPage } from "./alerts/alerts";
import { EndpointsPage } from "./fleet/endpoints";
import { StartPage } from "./fleet/start";
import type { IconName } from "./icons";
import { AuditPage } from "./insight/audit";
import { LivePage } from "./insight/livesessions";
import { ReportsPage } from "./insight/reports";
import { ReviewsPage } from "./insight/reviews";
import { PeoplePage } from "./people/people";
import { SettingsPage } from "./people/settings";
import { AskPage } from "./portal/ask";
import { MinePage } from "./portal/mine";
import { AllPage } from "./queue/all";
import { RulesPage } from "./rules/rules";

// Where is what stands in the address after the page's name.
export interface Where {
  path: readonly string[]; // "#/people/teams/team_1" has ["teams", "team_1"]
  query: URLSearchParams;
}

export interface PageEntry {
  path: string; // the first part of the address
  name: string;
  icon: IconName;
  group: "Work" | "Fleet" | "Administration" | ""; // "": not in the side bar
  needs: string; // a permission; "": everybody who is signed in
  draw: (at: Where) => VNode;
}

// The pages of who has no account but came by a link of their computer.
export const forSeats: readonly string[] = ["mine", "ask"];

// The queue itself is "#/"; app.tsx puts it first.
export const pages: readonly PageEntry[] = [
  { path: "all", name: "Requests", icon: "list", group: "Work", needs: "requests.read", draw: (at) => <AllPage {...at} /> },
  { path: "live", name: "Live sessions", icon: "activity", group: "Work", needs: "requests.read", draw: (at) => <LivePage {...at} /> },
  { path: "reviews", name: "Reviews", icon: "review", group: "Work", needs: "requests.review", draw: (at) => <ReviewsPage {...at} /> },
  { path: "mine", name: "My requests", icon: "user", group: "Work", needs: "", draw: (at) => <MinePage {...at} /> },
  { path: "ask", name: "Ask for access", icon: "plus", group: "", needs: "", draw: (at) => <AskPage {...at} /> },
  { path: "endpoints", name: "Endpoints", icon: "endpoint", group: "Fleet", needs: "endpoints.read", draw: (at) => <EndpointsPage {...at} /> },
  { path: "rules", name: "Rules", icon: "rules", group: "Fleet", needs: "rules.read", draw: (at) => <RulesPage {...at} /> },
  { path: "reports", name: "Reports", icon: "chart", group: "Fleet", needs: "reports.read", draw: (at) => <ReportsPage {...at} /> },
  { path: "start", name: "First steps", icon: "done", group: "", needs: "", draw: (at) => <StartPage {...at} /> },
  { path: "people", name: "People", icon: "people", group: "Administration", needs: "requests.team", draw: (at) => <PeoplePage {...at} /> },
  { path: "alerts", name: "Alerts", icon: "bell", group: "Administration", needs: "alerts.read", draw: (at) => <AlertsPage {...at} /> },
  { path: "audit", name: "Audit", icon: "shield", group: "Administration", needs: "audit.read", draw: (at) => <AuditPage {...at} /> },
  { path: "settings", name: "Settings", icon: "settings", group: "Administration", needs: "settings.read", draw: (at) => <SettingsPage {...at} /> },
];
