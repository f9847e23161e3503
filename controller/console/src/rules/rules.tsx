// The pages of rules, by the second part of the address.
import type { VNode } from "preact";
import type { Where } from "../pages";
import { EditPage } from "./edit";
import { ListPage } from "./list";
import { PacksPage } from "./packs";
import { ProposalsPage } from "./proposals";
import "./rules.css";
import { SuggestionsPage } from "./suggestions";
import { VersionsPage } from "./versions";
import { WholePage } from "./whole";
import { WhyPage } from "./why";

export function RulesPage(at: Where): VNode {
  switch (at.path[0]) {
    case "edit":
    case "new": return <EditPage key={location.hash} {...at} />;
    case "packs": return <PacksPage />;
    case "proposals": return <ProposalsPage {...at} />;
    case "suggestions": return <SuggestionsPage />;
    case "text": return <WholePage />;
    case "versions": return <VersionsPage {...at} />;
    case "why": return <WhyPage {...at} />;
    default: return <ListPage {...at} />;
  }
}
