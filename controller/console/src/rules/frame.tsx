// What the pages of rules have in common: their tabs.
import type { ComponentChildren, VNode } from "preact";
import { useEffect } from "preact/hooks";
import type { ListProposal } from "../types.gen";
import { useLoad } from "../ui/load";
import { Page } from "../ui/page";

const parts = [["", "In force"], ["suggestions", "Suggestions"], ["packs", "Packs"], ["proposals", "Proposals"], ["versions", "Versions"], ["why", "Try"], ["text", "All as YAML"]] as const;

const about: Record<string, string> = {
  "": "In the order in which they decide: a denial is stronger than a question, a question stronger than an approval; then the more exact rule.",
  suggestions: "What people answered the same way again and again. A suggestion only observes until somebody enables it.",
  packs: "Rules that most places need, made ready. What approves is off until you enable it.",
  proposals: "Changes that wait for a second person.",
  versions: "Every text that was ever in force. Any of them can be put in force again.",
  why: "What the rules in force say of an attempt or of a request, and why. Nothing is done by it.",
  text: "The truth is this text. Keep it in git if you like: save it, check it, bring it back.",
};

interface FrameProps { at: (typeof parts)[number][0]; actions?: ComponentChildren; wide?: boolean; children: ComponentChildren }

export function RulesFrame({ at, actions, wide = false, children }: FrameProps): VNode {
  const waiting = useLoad<ListProposal>("/rules/proposals", ["rule."]);
  useEffect(() => { document.querySelector(".pagehead .tab.on")?.scrollIntoView({ inline: "nearest", block: "nearest" }); }, []);
  const n = waiting.data?.items.length ?? 0;
  return (
    <Page title="Rules" under={about[at]} wide={wide} actions={actions}
      tabs={parts.map(([id, name]) => ({ to: id === "" ? "#/rules" : `#/rules/${id}`, name, on: id === at, n: id === "proposals" && n > 0 ? n : undefined }))}>
      {children}
    </Page>
  );
}
