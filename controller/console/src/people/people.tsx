// People: who answers, who stands in, who has an account, and how they sign in.
import type { VNode } from "preact";
import type { Where } from "../pages";
import { may } from "../state";
import { Empty } from "../ui/load";
import { Page, type TabItem } from "../ui/page";
import { DelegationsPage } from "./delegations";
import { LinksPage } from "./links";
import "./people.css";
import { SignInPage } from "./providers";
import { TeamPage, TeamsPage } from "./teams";
import { TokensPage } from "./tokens";
import { UserPage } from "./user";
import { UsersPage } from "./users";

interface Part { path: string; name: string; needs: readonly string[]; draw: (at: Where, tabs: readonly TabItem[]) => VNode }

const parts: readonly Part[] = [
  { path: "teams", name: "Teams", needs: ["requests.team"], draw: (at, tabs) => (at.path[1] ? <TeamPage key={at.path[1]} id={at.path[1]} /> : <TeamsPage tabs={tabs} />) },
  { path: "delegations", name: "Standing in", needs: ["requests.decide", "teams.write", "users.read"], draw: (_, tabs) => <DelegationsPage tabs={tabs} /> },
  { path: "users", name: "Accounts", needs: ["users.read"], draw: (at, tabs) => (at.path[1] ? <UserPage key={at.path[1]} id={at.path[1]} /> : <UsersPage tabs={tabs} query={at.query} />) },
  { path: "tokens", name: "API tokens", needs: ["tokens.own"], draw: (at, tabs) => <TokensPage tabs={tabs} query={at.query} /> },
  { path: "links", name: "Local users", needs: ["links.read"], draw: (_, tabs) => <LinksPage tabs={tabs} /> },
  { path: "sign-in", name: "Sign-in", needs: ["settings.read"], draw: (at, tabs) => <SignInPage tabs={tabs} open={at.path[1] ?? ""} /> },
];

export function PeoplePage(at: Where): VNode {
  const mine = parts.filter((p) => p.needs.some(may));
  const wanted = at.path[0] ?? mine[0]?.path ?? "";
  const part = mine.find((p) => p.path === wanted);
  const tabs = mine.map((p) => ({ to: `#/people/${p.path}`, name: p.name, on: p.path === wanted }));
  if (part) return part.draw(at, tabs);
  return <Page title="People" tabs={tabs}><Empty icon="shield" title={parts.some((p) => p.path === wanted) ? "This is not open to you" : "There is no such page"}><p>An administrator can give you the role that it needs.</p></Empty></Page>;
}
