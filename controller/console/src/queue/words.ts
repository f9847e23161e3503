// What the console calls things about requests.
import { byWhom, verdictWord, waiting } from "../state";
import type { Caution, Request } from "../types.gen";

const priorities: Record<string, string> = { low: "Low", normal: "Normal", high: "High", urgent: "Urgent" };
export const priorityName = (value: string): string => priorities[value] ?? value;

export const stateNames: Record<string, string> = {
  pending: "Pending approval", approved: "Approved", available: "Available", active: "In use", ended: "Ended",
  expired: "Expired", revoked: "Revoked", denied: "Denied", cancelled: "Cancelled",
};

const accessNames: Record<string, string> = { run: "Run a program", session: "Session", admin: "Administrator for a while" };
export const accessName = (type: string): string => accessNames[type] ?? type;

// What became of it, in a word and a colour; never a colour alone.
export function outcome(r: Request): { word: string; tone: string } {
  if (waiting(r)) {
    const left = r.approvals.need - r.approvals.have;
    return { word: left > 1 ? `Needs ${left} approvals` : "Waiting", tone: "wait" };
  }
  if (r.decision && r.state === "pending") {
    return { word: `${verdictWord(r.decision.verdict)} by ${byWhom(r.decision)}`, tone: r.decision.verdict === "approved" ? "ok" : "no" };
  }
  if (r.state === "denied" && r.decision) return { word: `Denied by ${byWhom(r.decision)}`, tone: "no" };
  if (r.state === "available" && r.decision) return { word: `Approved by ${byWhom(r.decision)}`, tone: "ok" };
  const tones: Record<string, string> = { active: "ok", approved: "ok", revoked: "no", expired: "mute", ended: "mute", cancelled: "mute" };
  return { word: stateNames[r.state] ?? r.state, tone: tones[r.state] ?? "mute" };
}

export const cautionNames: Record<string, string> = {
  full_root: "Everything, not one program", user_writable: "Others can change this program", unbounded: "It can do anything", script: "It is a script", shell: "A root shell",
  called_as: "Called by another name", weak_reason: "The reason says little", never_asked: "Never asked for before", first_here: "New on this endpoint",
  asked_before: "Asked before", asked_on_endpoint: "Known on this endpoint", asked_in_fleet: "Known elsewhere", denied_before: "Denied before",
  prevalence: "How common it is", rare: "A rare file", first_seen: "When it was first seen", publisher: "Publisher", publisher_new: "A new publisher",
  repeated_reason: "The same reason again", unlinked: "Nobody's account", any_arguments: "Its arguments can not be seen",
  edit: "Changes files", protected: "Says who may do what", dialogs: "Has dialogs for files", sets: "Is given a variable",
};

// These are only facts; the others call for care.
const plainFacts = new Set(["asked_before", "asked_on_endpoint", "asked_in_fleet", "prevalence", "publisher", "first_seen"]);
// These make a hasty yes dear: it is asked for twice, and not given to many at once.
const grave = new Set(["user_writable", "unbounded", "script", "shell", "called_as", "denied_before", "publisher_new"]);
export const isFact = (c: Caution): boolean => plainFacts.has(c.reason);
export const weight = (c: Caution): number => (grave.has(c.reason) ? 0 : plainFacts.has(c.reason) ? 2 : 1);
export const wantsCare = (r: Request): boolean => r.caution.some((c) => weight(c) < 2);
export const isGrave = (r: Request): boolean => r.caution.some((c) => grave.has(c.reason));
