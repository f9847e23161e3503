// The kinds of events by area, and what people call them.
import type { IconName } from "../icons";
import { groups } from "../people/settinglist";
import type { Tone } from "../ui/bits";

interface Area { id: string; name: string; icon: IconName; kinds: readonly string[] }

export const areas: readonly Area[] = [
  { id: "requests", name: "Requests", icon: "inbox", kinds: ["request.submitted", "request.reviewed", "request.approved", "request.denied", "request.undone", "request.cancelled", "request.expired", "request.removed", "request.resubmitted", "request.escalated", "request.claimed", "request.asked", "request.answered", "request.prioritized", "request.extended", "request.nudged", "request.after_review", "request.noted", "request.joined", "emergency.used", "review.due", "access.granted", "access.ended"] },
  { id: "grants", name: "Use", icon: "key", kinds: ["grant.issued", "grant.delivered", "grant.confirmed", "grant.wants_passkey", "grant.started", "grant.listed", "grant.ended", "grant.end_failed", "grant.revoked", "grant.checked_in", "grant.refused", "grant.changes", "offline.code", "offline.used", "break_glass.used"] },
  { id: "attempts", name: "Seen only", icon: "search", kinds: ["attempt.observed", "attempt.around"] },
  { id: "auth", name: "Sign-in and refusals", icon: "leaveTo", kinds: ["auth.refused", "auth.login", "auth.login_failed", "auth.logout", "auth.link_created", "auth.step_up", "auth.factor_changed", "auth.device_allowed"] },
  { id: "people", name: "People", icon: "people", kinds: ["user.created", "user.changed", "user.deleted", "token.created", "token.deleted", "token.changed", "team.changed", "link.changed", "delegation.changed", "directory.changed", "preferences.changed"] },
  { id: "rules", name: "Rules and settings", icon: "rules", kinds: ["rule.changed", "pack.changed", "policy.changed", "settings.changed", "channel.changed", "alert.changed", "hook.changed"] },
  { id: "endpoints", name: "Endpoints", icon: "endpoint", kinds: ["endpoint.enrolled", "endpoint.renewed", "endpoint.changed", "endpoint.deleted", "endpoint.refused", "endpoint.silent", "endpoint.clone", "endpoint.alarm", "endpoint.quarantined", "endpoint.paused", "endpoint.resumed", "enrollment_token.created", "enrollment_token.deleted", "rights.changed", "rights.taken_over", "rights.given_back"] },
  { id: "controller", name: "Controller", icon: "settings", kinds: ["controller.started", "keys.changed", "delivery.failed", "report.weekly", "report.monthly"] },
];

const words: Record<string, string> = {
  "request.submitted": "Asked", "request.reviewed": "Voted", "request.undone": "Answer taken back", "request.asked": "Question back", "request.answered": "Question answered",
  "request.prioritized": "Priority changed", "request.after_review": "Reviewed after use", "request.noted": "Note written", "request.joined": "Asked again", "request.nudged": "Reminded",
  "emergency.used": "Emergency access", "review.due": "Review is due", "access.granted": "Lasting answer given", "access.ended": "Lasting answer ended",
  "grant.listed": "Command ran", "grant.wants_passkey": "Endpoint wants a passkey", "grant.confirmed": "Passkey given to the endpoint", "grant.started": "Use began", "grant.ended": "Use ended", "grant.end_failed": "Take-back not confirmed", "grant.changes": "Changes left behind", "grant.checked_in": "Given back",
  "offline.code": "Offline code told", "offline.used": "Used offline", "break_glass.used": "Break-glass used", "attempt.observed": "Seen, not held", "attempt.around": "Ran without being held",
  "auth.refused": "Refused", "auth.login": "Signed in", "auth.login_failed": "Sign-in failed", "auth.logout": "Signed out", "auth.link_created": "Sign-in link made", "auth.step_up": "Presence proved",
  "auth.factor_changed": "Second factor changed", "auth.device_allowed": "Device allowed", "rights.changed": "Standing rights changed", "rights.taken_over": "Standing rights taken over",
  "rights.given_back": "Standing rights given back", "delivery.failed": "Alert not delivered", "enrollment_token.created": "Enrolment token made", "enrollment_token.deleted": "Enrolment token deleted", "report.weekly": "Report of each week", "report.monthly": "Report of each month", "keys.changed": "Keys changed", "endpoint.clone": "Endpoint copied", "endpoint.silent": "Endpoint went silent", "rule.changed": "Rules changed", "preferences.changed": "Own settings changed",
};

// kindName is a kind in words.
export function kindName(kind: string): string {
  const text = words[kind] ?? kind.replace(/[._]/g, " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

const settingNames = new Map(groups.flatMap((g) => g.settings.map((s) => [s.key, s.name])));

// dataName is a detail of an event in words.
export const dataName = (key: string): string => settingNames.get(key) ?? key.replace(/[._]/g, " ");

export const areaOf = (kind: string): Area | undefined => areas.find((a) => a.kinds.includes(kind));

const bad = new Set(["request.denied", "auth.refused", "auth.login_failed", "grant.end_failed", "grant.refused", "endpoint.refused", "endpoint.clone", "endpoint.alarm", "endpoint.quarantined", "delivery.failed"]);
const care = new Set(["emergency.used", "break_glass.used", "grant.revoked", "endpoint.silent", "endpoint.paused", "attempt.around", "offline.used", "offline.code", "grant.changes", "review.due", "rights.changed"]);
const good = new Set(["request.approved", "access.granted", "request.after_review", "rights.taken_over", "endpoint.resumed"]);

export const kindTone = (kind: string): Tone => (bad.has(kind) ? "no" : care.has(kind) ? "warn" : good.has(kind) ? "ok" : "");

// kindsOf are the kinds that a choice of the filter stands for: an area or one kind.
export const kindsOf = (choice: string): string => areas.find((a) => a.id === choice)?.kinds.join(",") ?? choice;
