// Endpoints: which page the address names.
import type { VNode } from "preact";
import type { Where } from "../pages";
import { EndpointPage } from "./endpoint";
import { EnrolPage } from "./enrol";
import { ListPage } from "./list";
import { PoliciesPage } from "./policies";
import { RightsPage } from "./rights";
import { RolloutPage } from "./rollout";

export function EndpointsPage({ path, query }: Where): VNode {
  const [part = "", id = ""] = path;
  if (part.startsWith("ep_")) return <EndpointPage key={part} id={part} />;
  switch (part) {
    case "list": return id === "" ? <ListPage query={query} /> : <EndpointPage key={id} id={id} />;
    case "rights": return <RightsPage query={query} />;
    case "policies": return <PoliciesPage query={query} />;
    case "rollout": return <RolloutPage query={query} />;
    case "enrol": return <EnrolPage />;
    default: return <ListPage query={query} />;
  }
}
