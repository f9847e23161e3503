// What each report answers, in a sentence, and what its columns are called.
import type { IconName } from "../icons";

interface About { icon: IconName; answers: string; group: "Access" | "People" | "Rules" }

export const about: Readonly<Record<string, About>> = {
  "could-and-did": { icon: "key", group: "Access", answers: "Which people could become root on which endpoint in this time, how often they did, and who or what let them." },
  emergencies: { icon: "warn", group: "Access", answers: "When somebody went ahead without waiting for an answer, what they ran, and whether anybody has looked at it since." },
  unreviewed: { icon: "review", group: "Access", answers: "What was used, is over, and still waits for somebody to look at it." },
  "standing-rights": { icon: "shield", group: "Access", answers: "How many rights to become root exist beside Assent, and whether they become fewer." },
  volume: { icon: "chart", group: "People", answers: "Whether more is asked for than before, how much of it rules answer, and whether people wait longer for the rest." },
  "waiting-times": { icon: "clock", group: "People", answers: "How long people waited for an answer, by the team that was asked and by priority." },
  "per-team": { icon: "people", group: "People", answers: "What each team was asked, how much of it was answered, and how fast." },
  "per-approver": { icon: "user", group: "People", answers: "Who answered how much, with which answers, and how fast." },
  coverage: { icon: "done", group: "Rules", answers: "How much rules answer by themselves, how often people would be asked on a day, and which endpoints are covered." },
  "per-rule": { icon: "rules", group: "Rules", answers: "Which rule answered how often, and what the rules that only observe would have answered." },
  "stale-rules": { icon: "remove", group: "Rules", answers: "Which rules in force matched nothing in this time, and may be removed." },
  "per-application": { icon: "app", group: "Rules", answers: "Which programs are asked for most, and which of them still need a person each time: a rule could answer those." },
};

const names: Readonly<Record<string, string>> = {
  by_rule: "By rules", by_person: "By people", first_at: "First", last_at: "Last", at: "Asked at", reviewed_by: "Reviewed by", reviewed_at: "Reviewed at", over_since: "Over since",
  median_seconds: "Half within", p90_seconds: "90 % within", p95_seconds: "95 % within", longest_seconds: "Longest", emergency: "Emergencies", would_approve: "Would approve", would_deny: "Would deny",
  endpoints_with_rights: "With such rights", rights: "Standing rights", taken_over: "Taken over", what: "What", then: "Then",
};

export function columnName(column: string): string {
  const text = names[column] ?? column.replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

type Sort = "request" | "time" | "seconds" | "number" | "code" | "text";

const numbers = new Set(["granted", "used", "by_rule", "by_person", "emergency", "emergencies", "approved", "denied", "questions", "asked", "would_approve", "would_deny", "line", "answered", "unanswered", "count", "share", "endpoints", "endpoints_with_rights", "rights", "taken_over", "requests"]);

// sortOf is what stands in a column.
export function sortOf(report: string, column: string): Sort {
  if (column === "request") return "request";
  if (column === "at" || column === "over_since" || column.endsWith("_at")) return "time";
  if (column.endsWith("_seconds")) return "seconds";
  if (column === "used" && report === "emergencies") return "text";
  if (numbers.has(column)) return "number";
  return column === "command" || column === "program" ? "code" : "text";
}
