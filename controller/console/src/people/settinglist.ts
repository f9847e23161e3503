// Every setting: where it stands, what it means, and what a new installation has.
// A test holds the defaults against a controller that was just made.
export type Value = number | boolean | string | readonly string[] | null;

export interface Setting {
  key: string; // "quota.pending_per_user"
  name: string;
  under: string;
  kind: "time" | "count" | "switch" | "priority" | "roles" | "lines" | "url" | "zone";
  unit?: string; // of a count
  min?: number;
  max?: number;
  zero?: string; // what 0 means
  usual: Value; // the default
}

export interface Group { id: string; name: string; under: string; settings: readonly Setting[] }

const year = 366 * 86_400;
const hour = 3600;

export const groups: readonly Group[] = [
  { id: "waiting", name: "Waiting", under: "How long things stay open.", settings: [
    { key: "pending_ttl_seconds", name: "A request waits for an answer", under: "Then it expires. Hours in which its team is closed do not count.", kind: "time", min: 1, max: year, usual: 8 * hour },
    { key: "use_within_seconds", name: "Approved access must be used within", under: "From the answer, or from the start that was asked for.", kind: "time", min: 1, max: year, usual: 4 * hour },
    { key: "hold_seconds", name: "A program is held while it waits", under: "Afterwards its user is told when it is ready.", kind: "time", min: 0, max: year, usual: 600 },
    { key: "undo_seconds", name: "An answer can be taken back for", under: "In the console; nothing runs before. Risky answers are never held.", kind: "time", min: 0, max: hour, zero: "No undo.", usual: 3 },
  ] },
  { id: "lasting", name: "How long access lasts", under: "When the answer or a rule says nothing shorter.", settings: [
    { key: "run_cap_seconds", name: "One program, at most", under: "Counted from its start.", kind: "time", min: 1, max: 8 * hour, usual: 8 * hour },
    { key: "session_seconds", name: "A session in a terminal", under: "When nobody says how long.", kind: "time", min: 1, max: 4 * hour, usual: 1800 },
    { key: "admin_seconds", name: "Administrator for a while", under: "When nobody says how long.", kind: "time", min: 1, max: 4 * hour, usual: 1800 },
    { key: "admin_cap_seconds", name: "Sessions and administrators, at most", under: "Nobody can be given more.", kind: "time", min: 1, max: 4 * hour, usual: 4 * hour },
    { key: "min_duration_seconds", name: "The shortest that can be given", under: "Shorter answers are refused.", kind: "time", min: 1, max: 8 * hour, usual: 1 },
  ] },
  { id: "queue", name: "Queue", under: "What comes first, and who may remind.", settings: [
    { key: "head_start_seconds.urgent", name: "Head start of urgent", under: "As if it had waited this long already.", kind: "time", min: 0, max: year, usual: 8 * hour },
    { key: "head_start_seconds.high", name: "Head start of high", under: "As if it had waited this long already.", kind: "time", min: 0, max: year, usual: hour },
    { key: "head_start_seconds.normal", name: "Head start of normal", under: "As if it had waited this long already.", kind: "time", min: 0, max: year, usual: 600 },
    { key: "head_start_seconds.low", name: "Head start of low", under: "As if it had waited this long already.", kind: "time", min: 0, max: year, usual: 0 },
    { key: "max_requester_priority", name: "Who asks may choose up to", under: "Approvers and rules may set any priority.", kind: "priority", usual: "high" },
    { key: "nudge.every_seconds", name: "A reminder at most every", under: "Who asked may remind those who can answer.", kind: "time", min: 0, max: year, usual: 900 },
    { key: "nudge.most", name: "Reminders of one request", under: "At most.", kind: "count", unit: "reminders", min: 0, max: 1000, zero: "Nobody may remind.", usual: 4 },
    { key: "show_approvers", name: "Who asked sees who can answer", under: "Otherwise the number and the team alone.", kind: "switch", usual: true },
  ] },
  { id: "limits", name: "Limits", under: "Against floods.", settings: [
    { key: "quota.pending_per_user", name: "Waiting requests of one person", under: "More are refused until some are answered.", kind: "count", unit: "requests", min: 0, max: 1_000_000, zero: "No limit.", usual: 20 },
    { key: "quota.pending_per_endpoint", name: "Waiting requests of one endpoint", under: "More are refused until some are answered.", kind: "count", unit: "requests", min: 0, max: 1_000_000, zero: "No limit.", usual: 200 },
    { key: "quota.cooldown_seconds", name: "Asking again after a denial", under: "The same thing, by the same person, at the earliest after this.", kind: "time", min: 0, max: year, zero: "At once.", usual: 60 },
  ] },
  { id: "people", name: "People and safety", under: "What is demanded of those who answer and of those who administer.", settings: [
    { key: "require_second_factor", name: "A second factor is needed by", under: "Without a passkey or an app, these roles get no further than their account.", kind: "roles", usual: [] },
    { key: "step_up_risky", name: "Prove again before risky approvals", under: "Everybody, with a passkey or password. Otherwise only who has a passkey.", kind: "switch", usual: false },
    { key: "unlinked_risky_approvers", name: "Approvals of risky things, asker unknown", under: "When no account is tied to who asks.", kind: "count", unit: "people", min: 1, max: 5, usual: 1 },
    { key: "four_eyes_accounts", name: "No vote by an account one made oneself", under: "Whoever made an account or set its password could act as it.", kind: "switch", usual: true },
    { key: "four_eyes_rules", name: "Rules wait for a second person", under: "Each change is a proposal until somebody else confirms it.", kind: "switch", usual: false },
    { key: "beneficiary_check", name: "A rule for its author waits for a second person", under: "When nobody but its author would gain from it.", kind: "switch", usual: false },
  ] },
  { id: "emergency", name: "Emergency access", under: "Granted at once; everybody who was skipped is told, and somebody reviews it afterwards.", settings: [
    { key: "emergency.enabled", name: "Emergency access", under: "Whether anybody may take it.", kind: "switch", usual: true },
    { key: "emergency.roles", name: "Open to", under: "One of these roles is needed.", kind: "roles", usual: ["administrator"] },
    { key: "emergency.daily_quota", name: "For each person and day", under: "At most.", kind: "count", unit: "times", min: 0, max: 1000, zero: "Never.", usual: 3 },
  ] },
  { id: "tickets", name: "Tickets", under: "Whether a ticket is good can be asked of another program.", settings: [
    { key: "ticket_validator.url", name: "Address that is asked", under: "By POST; none means that a ticket's pattern alone is checked.", kind: "url", usual: "" },
    { key: "ticket_validator.timeout_seconds", name: "It must answer within", under: "Without an answer the ticket is not good.", kind: "time", min: 1, max: 30, usual: 5 },
  ] },
  { id: "keeping", name: "What is kept", under: "What goes leaves its fingerprint in the audit log, so that proofs still hold.", settings: [
    { key: "history_days", name: "Requests", under: "Afterwards their clear text goes.", kind: "count", unit: "days", min: 1, max: 36_500, usual: 400 },
    { key: "retention.arguments_days", name: "Arguments of commands", under: "May go earlier.", kind: "count", unit: "days", min: 0, max: 36_500, zero: "As long as the request.", usual: 0 },
    { key: "retention.reasons_days", name: "Reasons and comments", under: "May go earlier.", kind: "count", unit: "days", min: 0, max: 36_500, zero: "As long as the request.", usual: 0 },
    { key: "mask_patterns", name: "Secrets in arguments", under: "What matches is hidden on the endpoint, before it is sent. One pattern a line (RE2), beside the built-in ones.", kind: "lines", usual: [] },
  ] },
  { id: "place", name: "Place", under: "", settings: [
    { key: "time_zone", name: "Time zone", under: "Of rules and teams that name none. Screens show each person's own.", kind: "zone", usual: "UTC" },
  ] },
];

export const everySetting: readonly Setting[] = groups.flatMap((g) => g.settings);
