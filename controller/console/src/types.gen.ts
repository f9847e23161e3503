// Written by controller/cmd/tstypes from the OpenAPI document; do not edit.

export interface Access {
  at: string;
  by: Person;
  duration_seconds: number;
  endpoint: EndpointRef;
  id: string;
  pin: "publisher" | "path" | "sha256";
  request_id: string;
  rules: string[];
  subject: Subject;
  until: string;
  user: string;
}

export interface AfterReview {
  at: string | null;
  blocks: boolean;
  by: Person | null;
  comment: string | null;
  comment_required: boolean;
  due_at: string | null;
  team: string;
}

export interface Again {
  comment?: string;
  duration_seconds?: number;
  id?: string;
  justification?: string;
  priority?: "low" | "normal" | "high" | "urgent";
  start?: string;
  ticket?: string;
}

export interface Alert {
  channels: string[];
  digest_seconds: number;
  enabled: boolean;
  events: string[];
  filter: AlertFilter;
  id: string;
  made_at: string;
  mandatory: boolean;
  name: string;
  recipients: AlertRecipients;
}

export interface AlertFilter {
  access_type?: "run" | "session" | "admin";
  caution?: boolean;
  endpoint_labels?: Record<string, string>;
  priority_at_least?: "low" | "normal" | "high" | "urgent";
  team?: string;
  user?: string;
  waiting_longer_than_seconds?: number;
}

export interface AlertRecipients {
  answerers?: boolean;
  requester?: boolean;
  roles?: ("administrator" | "security_admin" | "rule_author" | "approver" | "auditor" | "requester")[];
  teams?: string[];
  users?: string[];
}

export interface Answer {
  comment?: string;
  duration_seconds?: number;
  lasts?: string;
  note?: string;
  priority?: "low" | "normal" | "high" | "urgent";
  start?: string;
  team?: string;
}

export interface ApplyRules {
  acknowledge_denied?: boolean;
  base?: number;
  comment?: string;
  merge?: boolean;
  yaml: string;
}

export interface Approvals {
  have: number;
  need: number;
  stages: Stage[];
}

export interface AuditActor {
  id: string;
  kind: "user" | "rule" | "endpoint" | "system";
  name: string;
}

export interface AuditEvent {
  actor: AuditActor;
  at: string;
  data: Record<string, string>;
  endpoint?: string;
  grant?: string;
  id: string;
  kind: string;
  request?: string;
  seq: number;
}

export interface AuditPage {
  items: AuditEvent[];
  next_after: number;
  next_before?: number;
}

export interface Batch {
  action: "approve" | "deny" | "ask" | "undo" | "revoke" | "cancel" | "check-in" | "remove" | "claim" | "nudge" | "escalate" | "prioritize" | "after-review";
  comment?: string;
  duration_seconds?: number;
  group?: GroupKey;
  ids?: string[];
  lasts?: string;
  note?: string;
  priority?: "low" | "normal" | "high" | "urgent";
  start?: string;
  team?: string;
}

export interface BatchResult {
  error?: Problem;
  id: string;
  ok: boolean;
  state: string;
}

export interface BatchResults {
  results: BatchResult[];
  rule_from: string | null;
}

export interface ByCode {
  code: string;
}

export interface Canned {
  denials: string[];
  questions: string[];
  team: string;
}

export interface CannedTexts {
  denials: string[];
  questions: string[];
}

export interface Caution {
  fact: string;
  reason: string;
}

export interface Ceremony {
  ceremony: string;
  options: Record<string, unknown>;
}

export interface Change {
  at: string;
  how: string;
  name: string;
  text: string;
  what: string;
}

export interface Channel {
  config: ChannelConfig;
  disabled_why: string;
  enabled: boolean;
  id: string;
  kind: string;
  made_at: string;
  name: string;
  secret?: string;
  secret_set: boolean;
  stream: ChannelStream | null;
}

export interface ChannelConfig {
  account?: string;
  address?: string;
  auth_token?: string;
  body?: string;
  ca_pem?: string;
  facility?: number;
  format?: "rfc5424" | "cef" | "ocsf";
  from?: string;
  headers?: Record<string, string>;
  host?: string;
  options?: Record<string, string>;
  password?: string;
  port?: number;
  routing_key?: string;
  secret?: string;
  stream?: boolean;
  template?: string;
  tls?: unknown;
  url?: string;
  username?: string;
}

export interface ChannelStream {
  behind: number;
  error: string;
  seq: number;
}

export interface ChannelTest {
  error?: string;
  ok: boolean;
  status?: number;
  took_ms: number;
}

export interface Checkpoint {
  at?: string;
  key: string;
  note: string;
  size: number;
}

export interface Claim {
  by: Person;
  until: string;
}

export interface Confirming {
  asked_at: string;
  confirmed_at: string | null;
  until: string;
}

export interface Counts {
  all: number;
  approved: number;
  available: number;
  denied: number;
  expired: number;
  pending: number;
  revoked: number;
}

export interface Decision {
  at: string;
  by: Person | null;
  comment: string | null;
  held_until: string | null;
  rule: string | null;
  verdict: "approved" | "denied";
}

export interface Delegation {
  delegate: string;
  from: string;
  id: string;
  made_by: string;
  until: string;
  user: string;
}

export interface Delivery {
  alert: string;
  alert_name: string;
  channel: string;
  channel_name: string;
  created_at: string;
  id: string;
  kind: string;
  last_error: string;
  message: string;
  next_at: string | null;
  recipient: string;
  request: string;
  sent_at: string | null;
  state: "waiting" | "sent" | "failed" | "dropped";
  tries: number;
}

export interface DeviceAnswer {
  allow: boolean;
}

export interface DeviceAsked {
  address: string;
  created_at: string;
  name: string;
}

export interface DeviceClaim {
  device_code: string;
}

export interface DeviceCodes {
  device_code: string;
  expires_in_seconds: number;
  interval_seconds: number;
  user_code: string;
  verification_uri: string;
  verification_uri_complete: string;
}

export interface DeviceToken {
  expires_at: string;
  login: string;
  token: string;
}

export interface Directory {
  adopt_accounts: boolean;
  base_url: string;
  groups: DirectoryMapping[];
  known: DirectoryGroup[];
  users: number;
}

export interface DirectoryGroup {
  external_id: string;
  id: string;
  name: string;
}

export interface DirectoryMapping {
  external_id?: string;
  id?: string;
  roles: ("administrator" | "security_admin" | "rule_author" | "approver" | "auditor" | "requester")[];
}

export interface DraftRule {
  fields?: Record<string, unknown>;
  rule?: string;
  yaml?: string;
}

export interface EditAlert {
  channels?: string[];
  digest_seconds?: number;
  enabled?: boolean;
  events?: string[];
  filter?: AlertFilter;
  mandatory?: boolean;
  name?: string;
  recipients?: AlertRecipients;
}

export interface EditChannel {
  config?: ChannelConfig;
  enabled?: boolean;
  kind?: "webhook" | "email" | "sms" | "syslog";
  name?: string;
}

export interface EditDelegation {
  delegate?: string;
  from?: string;
  until?: string;
}

export interface EditDirectory {
  adopt_accounts?: boolean;
  groups?: DirectoryMapping[];
}

export interface EditEndpoint {
  labels?: Record<string, string>;
}

export interface EditLink {
  account?: string;
  directory?: string;
  endpoint?: string;
  uid?: string;
  user?: string;
}

export interface EditMyNotify {
  as_alerts_say?: boolean;
  channels?: string[];
  digest_seconds?: number;
  phone?: string;
  quiet_hours?: string;
  time_zone?: string;
}

export interface EditMySettings {
  buttons?: string[];
  columns?: Record<string, string[] | null>;
  density?: "comfortable" | "compact";
  keys?: Record<string, string>;
  notify?: EditMyNotify;
  views?: MyView[];
}

export interface EditProvider {
  allowed_domains?: string[];
  client_id?: string;
  client_secret?: string;
  create_accounts?: boolean;
  enabled?: boolean;
  groups?: GroupRoles[];
  groups_claim?: string;
  issuer?: string;
  link?: ProviderLink;
  name?: string;
  scopes?: string[];
}

export interface EditRule {
  acknowledge_denied?: boolean;
  mode?: "enforce" | "observe";
  yaml?: string;
}

export interface EditTeam {
  escalate?: TeamStep[];
  hours?: string;
  members?: string[];
  name?: string;
  scope?: TeamScope;
  tz?: string;
}

export interface EditToken {
  name?: string;
  scopes?: ("requests.read" | "requests.decide" | "rules" | "endpoints" | "users" | "audit.read" | "metrics" | "scim")[];
}

export interface EditUser {
  disabled?: boolean;
  email?: string;
  name?: string;
  password?: string;
  roles?: ("administrator" | "security_admin" | "rule_author" | "approver" | "auditor" | "requester")[];
  scope?: Record<string, unknown>;
}

export interface Emergency {
  daily_quota: number;
  enabled: boolean;
  roles: ("administrator" | "security_admin" | "rule_author" | "approver" | "auditor" | "requester")[];
}

export interface EmergencyPatch {
  daily_quota?: number;
  enabled?: boolean;
  roles?: ("administrator" | "security_admin" | "rule_author" | "approver" | "auditor" | "requester")[];
}

export interface Endpoint {
  agent_version: string | null;
  arch: string | null;
  capabilities: string[];
  cert_not_after: string | null;
  clock_off_ms: number | null;
  connected: boolean;
  enrolled_at: string;
  given_labels: Record<string, string>;
  id: string;
  ip: string | null;
  labels: Record<string, string>;
  last_seen_at: string | null;
  locked: boolean;
  locked_at: string | null;
  locked_by: string | null;
  locked_why: string | null;
  mode: "off" | "observe" | "ask";
  name: string;
  os: string | null;
  os_version: string | null;
  paused_until: string | null;
  policy: string | null;
  policy_version: number | null;
  quarantined: boolean;
  reported: Record<string, string>;
  standing_rights: number | null;
}

export interface EndpointRef {
  arch: string | null;
  id: string;
  ip: string | null;
  labels: Record<string, string>;
  name: string | null;
  os: string | null;
  os_version: string | null;
  reported: Record<string, string>;
}

export interface EndpointResult {
  error?: Problem;
  id: string;
  ok: boolean;
}

export interface EndpointResults {
  results: EndpointResult[];
}

export interface EnrollToken {
  accept_labels: string[];
  controller: string;
  created_at: string;
  created_by: string;
  expires_at: string;
  id: string;
  labels: Record<string, string>;
  max_uses: number;
  mode: "observe" | "ask" | null;
  token?: string;
  uses: number;
}

export interface Escalation {
  at: string;
  by: Person | null;
  comment: string | null;
  name: string;
  team: string;
}

export interface Evaluate {
  attempt?: EvaluateAttempt;
  request_id?: string;
  rule?: string;
}

export interface EvaluateAttempt {
  access_type?: "run" | "session" | "admin";
  args?: string[];
  cwd?: string;
  endpoint?: string;
  groups?: string[];
  justification?: string;
  labels?: Record<string, string>;
  marks?: string[];
  parent?: string;
  path: string;
  priority?: "low" | "normal" | "high" | "urgent";
  product?: string;
  run_as?: string;
  sha256?: string;
  thumbprint?: string;
  ticket?: string;
  uid?: string;
  user?: string;
  version?: string;
}

export interface EventProof {
  checkpoint: Checkpoint;
  event: EvidenceEvent;
}

export interface Evidence {
  checkpoint: Checkpoint;
  events: EvidenceEvent[];
  format: string;
  grant: string;
  key_set: string;
  request: Request;
  root_key: RootKey;
  unsigned: number;
}

export interface EvidenceEvent {
  actor: AuditActor;
  at: string;
  data: Record<string, string>;
  endpoint?: string;
  grant?: string;
  id: string;
  kind: string;
  leaf: string;
  path: string[];
  request?: string;
  seq: number;
  text?: Record<string, EvidenceText>;
}

export interface EvidenceText {
  salt: string;
  text: string;
}

export interface Explanation {
  outcome: "ask" | "approve" | "deny";
  sentence: string;
  trace: TraceLine[];
}

export interface Factors {
  passkeys: Passkey[];
  password: boolean;
  totp: boolean;
}

export interface Fault {
  code: string;
  col: number;
  line: number;
  severity: "error" | "warning";
  text: string;
}

export interface FieldError {
  location: string;
  message: string;
}

export interface Grant {
  end_reason: string | null;
  ended_at: string | null;
  id: string;
  started_at: string | null;
}

export interface Granted {
  duration_seconds: number;
  start: string | null;
  use_within_seconds: number;
}

export interface GroupKey {
  by: "program" | "publisher" | "user" | "endpoint";
  key: string;
}

export interface GroupRoles {
  id: string;
  roles: ("administrator" | "security_admin" | "rule_author" | "approver" | "auditor" | "requester")[];
}

export interface HeadStartPatch {
  high?: number;
  low?: number;
  normal?: number;
  urgent?: number;
}

export interface HeadStarts {
  high: number;
  low: number;
  normal: number;
  urgent: number;
}

export interface Hook {
  id: string;
  kind: "note" | "ticket";
  made_at: string;
  made_by: string;
  name: string;
  secret?: string;
  used_at: string | null;
}

export interface HookCall {
  request?: string;
  state?: string;
  text?: string;
  ticket?: string;
}

export interface HookHeard {
  requests: number;
}

export interface Link {
  account: string;
  account_id: string;
  directory: string | null;
  endpoint: string | null;
  endpoint_id: string | null;
  id: string;
  made_at: string;
  made_by: string;
  uid: string | null;
  user: string | null;
}

export interface ListAccess {
  items: Access[];
  next_cursor?: string;
  total: number;
  total_is_lower_bound: boolean;
}

export interface ListAlert {
  items: Alert[];
  next_cursor?: string;
  total: number;
  total_is_lower_bound: boolean;
}

export interface ListChannel {
  items: Channel[];
  next_cursor?: string;
  total: number;
  total_is_lower_bound: boolean;
}

export interface ListDelegation {
  items: Delegation[];
  next_cursor?: string;
  total: number;
  total_is_lower_bound: boolean;
}

export interface ListDelivery {
  items: Delivery[];
  next_cursor?: string;
  total: number;
  total_is_lower_bound: boolean;
}

export interface ListEndpoint {
  items: Endpoint[];
  next_cursor?: string;
  total: number;
  total_is_lower_bound: boolean;
}

export interface ListEnrollToken {
  items: EnrollToken[];
  next_cursor?: string;
  total: number;
  total_is_lower_bound: boolean;
}

export interface ListHook {
  items: Hook[];
  next_cursor?: string;
  total: number;
  total_is_lower_bound: boolean;
}

export interface ListLink {
  items: Link[];
  next_cursor?: string;
  total: number;
  total_is_lower_bound: boolean;
}

export interface ListPack {
  items: Pack[];
  next_cursor?: string;
  total: number;
  total_is_lower_bound: boolean;
}

export interface ListPause {
  items: Pause[];
  next_cursor?: string;
  total: number;
  total_is_lower_bound: boolean;
}

export interface ListProposal {
  items: Proposal[];
  next_cursor?: string;
  total: number;
  total_is_lower_bound: boolean;
}

export interface ListProvider {
  items: Provider[];
  next_cursor?: string;
  total: number;
  total_is_lower_bound: boolean;
}

export interface ListReportInfo {
  items: ReportInfo[];
  next_cursor?: string;
  total: number;
  total_is_lower_bound: boolean;
}

export interface ListRuleHits {
  items: RuleHits[];
  next_cursor?: string;
  total: number;
  total_is_lower_bound: boolean;
}

export interface ListRuleVersion {
  items: RuleVersion[];
  next_cursor?: string;
  total: number;
  total_is_lower_bound: boolean;
}

export interface ListSeenAttempt {
  items: SeenAttempt[];
  next_cursor?: string;
  total: number;
  total_is_lower_bound: boolean;
}

export interface ListStandingRight {
  items: StandingRight[];
  next_cursor?: string;
  total: number;
  total_is_lower_bound: boolean;
}

export interface ListSuggestion {
  items: Suggestion[];
  next_cursor?: string;
  total: number;
  total_is_lower_bound: boolean;
}

export interface ListTeam {
  items: Team[];
  next_cursor?: string;
  total: number;
  total_is_lower_bound: boolean;
}

export interface ListToken {
  items: Token[];
  next_cursor?: string;
  total: number;
  total_is_lower_bound: boolean;
}

export interface ListUser {
  items: User[];
  next_cursor?: string;
  total: number;
  total_is_lower_bound: boolean;
}

export interface Listed {
  args: string[];
  at: string;
  path: string;
  refused: string | null;
  run_as: string;
}

export interface Listing {
  items: unknown[];
  next_cursor?: string;
  total: number;
  total_is_lower_bound: boolean;
}

export interface MadeRule {
  faults: Fault[];
  name: string;
  yaml: string;
}

export interface Me {
  cluster: string;
  demo: boolean;
  has_passkey: boolean;
  id: string;
  login: string;
  name: string;
  needs_second_factor: boolean;
  permissions: string[];
  presence_until: string | null;
  roles: string[];
  scope: Record<string, string>;
  seat: Seat | null;
  session: boolean;
  signed_in_by: "password" | "totp" | "passkey" | "oidc" | "link" | "token" | "endpoint";
  undo_seconds: number;
  version: string;
}

export interface MyNotify {
  channels: string[] | null;
  digest_seconds: number;
  phone: string;
  quiet_hours: string;
  time_zone: string;
}

export interface MySettings {
  buttons: string[];
  columns: Record<string, string[] | null>;
  density: "comfortable" | "compact";
  keys: Record<string, string>;
  notify: MyNotify;
  offered_channels: string[];
  views: MyView[];
}

export interface MyView {
  name: string;
  query: string;
}

export interface NewAlert {
  channels: string[];
  digest_seconds?: number;
  enabled?: boolean;
  events: string[];
  filter?: AlertFilter;
  mandatory?: boolean;
  name: string;
  recipients?: AlertRecipients;
}

export interface NewChannel {
  config: ChannelConfig;
  enabled?: boolean;
  kind: "webhook" | "email" | "sms" | "syslog";
  name: string;
}

export interface NewDelegation {
  delegate: string;
  from?: string;
  until: string;
  user?: string;
}

export interface NewDevice {
  name: string;
}

export interface NewEnrollToken {
  accept_labels?: string[];
  labels?: Record<string, string>;
  max_uses?: number;
  mode?: "observe" | "ask";
  ttl_seconds?: number;
}

export interface NewHook {
  kind: "note" | "ticket";
  name: string;
}

export interface NewLink {
  account: string;
  directory?: string;
  endpoint?: string;
  uid?: string;
  user?: string;
}

export interface NewPasskey {
  ceremony: string;
  credential: Record<string, unknown>;
  name: string;
}

export interface NewPassword {
  current?: string;
  password: string;
}

export interface NewPause {
  comment: string;
  duration_seconds?: number;
  labels?: Record<string, string>;
  until?: string;
}

export interface NewProvider {
  allowed_domains?: string[];
  client_id: string;
  client_secret?: string;
  create_accounts?: boolean;
  enabled?: boolean;
  groups?: GroupRoles[];
  groups_claim?: string;
  issuer: string;
  link?: ProviderLink;
  name: string;
  scopes?: string[];
}

export interface NewRequest {
  access_type: "run" | "session" | "admin";
  duration_seconds?: number;
  emergency?: boolean;
  endpoint: string;
  for_user?: string;
  from_request?: string;
  id?: string;
  justification: string;
  priority?: "low" | "normal" | "high" | "urgent";
  start?: string;
  ticket?: string;
}

export interface NewSession {
  code?: string;
  link?: string;
  login?: string;
  passkey?: PasskeyAnswer;
  password?: string;
}

export interface NewTeam {
  escalate?: TeamStep[];
  hours?: string;
  members?: string[];
  name: string;
  scope?: TeamScope;
  tz?: string;
}

export interface NewToken {
  name: string;
  scopes?: ("requests.read" | "requests.decide" | "rules" | "endpoints" | "users" | "audit.read" | "metrics" | "scim")[];
  ttl_seconds?: number;
  user?: string;
}

export interface NewUser {
  email?: string;
  login: string;
  name?: string;
  password?: string;
  roles?: ("administrator" | "security_admin" | "rule_author" | "approver" | "auditor" | "requester")[];
  scope?: Record<string, unknown>;
}

export interface Note {
  at: string;
  by: Person;
  text: string;
}

export interface Nudge {
  every_seconds: number;
  most: number;
}

export interface NudgePatch {
  every_seconds?: number;
  most?: number;
}

export interface Nudges {
  count: number;
  last_at: string | null;
}

export interface OIDCRedirect {
  url: string;
}

export interface OIDCSignIn {
  provider: string;
  return_to?: string;
}

export interface OfflineCode {
  code: string;
  command?: string;
  comment?: string;
  duration_seconds?: number;
  endpoint?: string;
  user?: string;
}

export interface OfflineCodeTold {
  access_type: "run" | "session" | "admin";
  account: Target | null;
  after_review: AfterReview | null;
  approvals: Approvals;
  caution: Caution[];
  changes: Change[];
  claim: Claim | null;
  confirming: Confirming | null;
  decision: Decision | null;
  delivery: "none" | "waiting" | "activating" | "delivered" | "revoking" | "confirmed";
  emergency: boolean;
  end_reason: string | null;
  endpoint: EndpointRef;
  escalations: Escalation[];
  expires_at: string | null;
  extends_id: string | null;
  filed_by: Person | null;
  grant: Grant | null;
  granted: Granted | null;
  id: string;
  joined: number;
  justification: string | null;
  listed: Listed[];
  notes: Note[];
  nudges: Nudges;
  offline_code: string;
  origin: "endpoint" | "portal" | "resubmit" | "behalf" | "offline";
  previous_id: string | null;
  priority: Priority;
  questions: Question[];
  queue: Queue | null;
  requested: Window;
  reviews: Review[];
  rules: string[];
  state: "pending" | "approved" | "available" | "active" | "ended" | "expired" | "revoked" | "denied" | "cancelled";
  subject: Subject;
  submitted_at: string | null;
  ticket: string | null;
  user: RequestUser;
}

export interface OrderRights {
  comment: string;
  rights?: string[];
}

export interface OrderRightsByLabel {
  comment: string;
  labels: Record<string, string>;
  rights?: string[];
}

export interface Pack {
  name: string;
  proposal?: Proposal;
  rules: Rule[];
  state: "off" | "observe" | "ask" | "enforce";
  title: string;
  version: number;
  yaml: string;
}

export interface PackName {
  name: string;
  state: "off" | "observe" | "ask" | "enforce";
}

export interface Passkey {
  blocked: boolean;
  created_at: string;
  id: string;
  last_used_at: string | null;
  name: string;
}

export interface PasskeyAnswer {
  ceremony: string;
  credential: Record<string, unknown>;
}

export interface PasskeyLogin {
  login?: string;
}

export interface Pause {
  comment: string;
  created_at: string;
  created_by: string;
  ended_at: string | null;
  ended_by: string;
  endpoint_id: string;
  id: string;
  labels: Record<string, string>;
  state: "active" | "ended";
  until: string;
}

export interface PauseEndpoint {
  comment: string;
  duration_seconds?: number;
  until?: string;
}

export interface Person {
  id: string;
  login: string;
  name: string;
}

export interface Policies {
  changed_at: string | null;
  changed_by: string;
  items: Policy[];
  next_cursor?: string;
  reach: PolicyReach[];
  total: number;
  total_is_lower_bound: boolean;
  version: number;
}

export interface Policy {
  authorization_rights?: Record<string, string>;
  break_glass?: string;
  budget?: PolicyBudget;
  confirm?: "none" | "password" | "passkey";
  labels?: Record<string, string>;
  mask?: string[];
  mechanisms?: Record<string, string>;
  mode?: "off" | "observe" | "ask";
  name: string;
  offline?: PolicyOffline;
  presets?: string[];
  reason_min?: number;
  words?: PolicyWords;
}

export interface PolicyBudget {
  cooldown_seconds?: number;
  per_day_seconds?: number;
  renewals?: number;
}

export interface PolicyOffline {
  codes?: boolean;
  rules?: boolean;
}

export interface PolicyReach {
  endpoints: number;
  names: string[];
  policy: string;
}

export interface PolicyWords {
  company?: string;
  help?: string;
  language?: "en" | "de";
  link?: string;
}

export interface PreviewTemplate {
  body?: string;
  kind?: string;
  template?: string;
}

export interface Priority {
  set_by: string | null;
  value: "low" | "normal" | "high" | "urgent";
}

export interface Problem {
  code: string;
  decision?: Decision;
  detail: string;
  errors?: FieldError[];
  status: number;
  title: string;
  type?: string;
}

export interface Proposal {
  acknowledged?: boolean;
  added?: string[];
  base: number;
  changed?: string[];
  comment?: string;
  decided_at: string | null;
  decided_by: string;
  diff?: string;
  id: string;
  proposed_at: string;
  proposed_by: string;
  removed?: string[];
  state: "open" | "confirmed" | "rejected";
  what: string;
  why: string;
  yaml?: string;
}

export interface Provider {
  allowed_domains: string[];
  callback_url: string;
  client_id: string;
  create_accounts: boolean;
  created_at: string;
  enabled: boolean;
  groups: GroupRoles[];
  groups_claim: string;
  id: string;
  issuer: string;
  link: ProviderLink;
  name: string;
  scopes: string[];
  secret_set: boolean;
}

export interface ProviderLink {
  directory: string;
  uid_claim: string;
  user_claim: string;
}

export interface Publisher {
  name: string;
  thumbprint: string;
}

export interface PutPolicies {
  items: Policy[];
  version?: number;
}

export interface Question {
  answer: string | null;
  answered_at: string | null;
  at: string;
  by: Person;
  text: string;
}

export interface Queue {
  can_answer: string[];
  can_answer_from: string | null;
  position: number | null;
  usual_wait_seconds: number | null;
}

export interface Quota {
  cooldown_seconds: number;
  pending_per_endpoint: number;
  pending_per_user: number;
}

export interface QuotaPatch {
  cooldown_seconds?: number;
  pending_per_endpoint?: number;
  pending_per_user?: number;
}

export interface Replay {
  changed: number;
  changes: ReplayChange[];
  days: number;
  human_denied: number;
  minutes_saved: number;
  newly_approved: number;
  newly_asked: number;
  newly_denied: number;
  observed: number;
  observed_approved: number;
  observed_asked: number;
  observed_denied: number;
  requests: number;
  truncated: boolean;
}

export interface ReplayChange {
  at: string;
  endpoint: string;
  from: string;
  request_id: string;
  to: string;
  what: string;
  who: string;
  why: string;
}

export interface ReplayRules {
  days?: number;
  yaml: string;
}

export interface Report {
  columns: string[];
  name: string;
  notes: string[];
  rows: (string[] | null)[];
  since: string;
  title: string;
  truncated: boolean;
  until: string;
}

export interface ReportInfo {
  name: string;
  title: string;
}

export interface Request {
  access_type: "run" | "session" | "admin";
  account: Target | null;
  after_review: AfterReview | null;
  approvals: Approvals;
  caution: Caution[];
  changes: Change[];
  claim: Claim | null;
  confirming: Confirming | null;
  decision: Decision | null;
  delivery: "none" | "waiting" | "activating" | "delivered" | "revoking" | "confirmed";
  emergency: boolean;
  end_reason: string | null;
  endpoint: EndpointRef;
  escalations: Escalation[];
  expires_at: string | null;
  extends_id: string | null;
  filed_by: Person | null;
  grant: Grant | null;
  granted: Granted | null;
  id: string;
  joined: number;
  justification: string | null;
  listed: Listed[];
  notes: Note[];
  nudges: Nudges;
  origin: "endpoint" | "portal" | "resubmit" | "behalf" | "offline";
  previous_id: string | null;
  priority: Priority;
  questions: Question[];
  queue: Queue | null;
  requested: Window;
  reviews: Review[];
  rules: string[];
  state: "pending" | "approved" | "available" | "active" | "ended" | "expired" | "revoked" | "denied" | "cancelled";
  subject: Subject;
  submitted_at: string | null;
  ticket: string | null;
  user: RequestUser;
}

export interface RequestGroup {
  by: "program" | "publisher" | "user" | "endpoint";
  count: number;
  key: string;
  name: string;
  oldest_at: string;
  sample: Request;
}

export interface RequestUser {
  account: Person | null;
  display: string | null;
  groups: string[];
  name: string;
  uid: string;
}

export interface Retention {
  arguments_days: number;
  reasons_days: number;
}

export interface RetentionPatch {
  arguments_days?: number;
  reasons_days?: number;
}

export interface Review {
  at: string;
  by: Person;
  comment: string | null;
  duration_seconds: number | null;
  start: string | null;
  verdict: "approved" | "denied";
}

export interface Revoked {
  requests: string[];
}

export interface RightsOrder {
  action: "take_over" | "give_back";
  at: string;
  by: string;
  comment: string;
  endpoint: string;
  id: string;
  rights: string[];
}

export interface Rollback {
  acknowledge_denied?: boolean;
  version: number;
}

export interface RootKey {
  id: string;
  public: string;
}

export interface Rule {
  id: string;
  message: Record<string, string>;
  mode: "enforce" | "observe";
  pack: string;
  precedence: number;
  proposal?: Proposal;
  terms: string[];
  then: "approve" | "deny" | "require";
  warnings?: Fault[];
  what: string;
  when: string;
  yaml: string;
}

export interface RuleCheck {
  faults: Fault[];
  ok: boolean;
}

export interface RuleDiff {
  added: string[];
  against: number;
  applied_at: string;
  applied_by: string;
  changed: string[];
  comment: string;
  diff: string;
  removed: string[];
  version: number;
  yaml: string;
}

export interface RuleDraft {
  diff: string;
  faults: Fault[];
  fields: Record<string, unknown>;
  name: string;
  ok: boolean;
  stored: string;
  terms: string[];
  version: number;
  what: string;
  whole: string;
  yaml: string;
}

export interface RuleHits {
  approved: number;
  asked: number;
  denied: number;
  last_at: string | null;
  rule: string;
  would_approve: number;
  would_deny: number;
}

export interface RuleText {
  yaml: string;
}

export interface RuleVersion {
  added: string[];
  applied_at: string;
  applied_by: string;
  changed: string[];
  comment: string;
  removed: string[];
  version: number;
  yaml: string;
}

export interface Ruleset {
  applied_at: string | null;
  applied_by: string;
  items: Rule[];
  next_cursor?: string;
  packs: PackName[];
  proposal?: Proposal;
  total: number;
  total_is_lower_bound: boolean;
  version: number;
  warnings: Fault[];
  yaml: string;
}

export interface Seat {
  endpoint: string;
  user: string;
}

export interface SeenAttempt {
  access_type: string;
  args: string[];
  at: string;
  cwd: string;
  endpoint: string;
  endpoint_id: string;
  id: string;
  kind: "observed" | "own" | "break_glass" | "around";
  mechanism: string;
  path: string;
  rule: string;
  run_as: string;
  sha256: string;
  times: number;
  user: SeenUser;
  would: "approve" | "deny" | "ask" | "";
}

export interface SeenUser {
  name: string;
  uid: string;
}

export interface Settings {
  admin_cap_seconds: number;
  admin_seconds: number;
  beneficiary_check: boolean;
  canned: Canned[];
  emergency: Emergency;
  four_eyes_accounts: boolean;
  four_eyes_rules: boolean;
  head_start_seconds: HeadStarts;
  history_days: number;
  hold_seconds: number;
  mask_patterns: string[];
  max_requester_priority: "low" | "normal" | "high" | "urgent";
  min_duration_seconds: number;
  nudge: Nudge;
  pending_ttl_seconds: number;
  quota: Quota;
  require_second_factor: ("administrator" | "security_admin" | "rule_author" | "approver" | "auditor" | "requester")[];
  retention: Retention;
  run_cap_seconds: number;
  session_seconds: number;
  show_approvers: boolean;
  step_up_risky: boolean;
  ticket_validator: TicketValidator;
  time_zone: string;
  undo_seconds: number;
  unlinked_risky_approvers: number;
  use_within_seconds: number;
}

export interface SettingsPatch {
  admin_cap_seconds?: number;
  admin_seconds?: number;
  beneficiary_check?: boolean;
  canned?: Canned[];
  emergency?: EmergencyPatch;
  four_eyes_accounts?: boolean;
  four_eyes_rules?: boolean;
  head_start_seconds?: HeadStartPatch;
  history_days?: number;
  hold_seconds?: number;
  mask_patterns?: string[];
  max_requester_priority?: "low" | "normal" | "high" | "urgent";
  min_duration_seconds?: number;
  nudge?: NudgePatch;
  pending_ttl_seconds?: number;
  quota?: QuotaPatch;
  require_second_factor?: ("administrator" | "security_admin" | "rule_author" | "approver" | "auditor" | "requester")[];
  retention?: RetentionPatch;
  run_cap_seconds?: number;
  session_seconds?: number;
  show_approvers?: boolean;
  step_up_risky?: boolean;
  ticket_validator?: TicketValidatorPatch;
  time_zone?: string;
  undo_seconds?: number;
  unlinked_risky_approvers?: number;
  use_within_seconds?: number;
}

export interface SignInPage {
  cluster: string;
  passkey: boolean;
  password: boolean;
  providers: SignInProvider[];
}

export interface SignInProvider {
  id: string;
  name: string;
}

export interface Stage {
  have: number;
  name: string;
  quorum: number;
  team: string;
}

export interface StandingLastOrder {
  action: "take_over" | "give_back";
  at: string;
  by: string;
  done: boolean;
  done_at: string | null;
  id: string;
  why: string;
}

export interface StandingRight {
  all: boolean;
  endpoint: string;
  fixed: string;
  group: string;
  id: string;
  kind: "sudoers" | "group" | "root_group" | "uid0" | "polkit";
  name: string;
  no_password: boolean;
  order: StandingLastOrder | null;
  seen_at: string;
  since: string;
  source: string;
  taken: boolean;
  text: string;
  user: string;
}

export interface StepUp {
  code?: string;
  passkey?: PasskeyAnswer;
  password?: string;
}

export interface Subject {
  args: string[];
  cwd: string | null;
  parent: string | null;
  path: string;
  product: string | null;
  publisher: Publisher | null;
  run_as: string;
  sha256: string | null;
  size: number | null;
  version: string | null;
}

export interface Suggestion {
  approvals: number;
  approvers: string[];
  endpoints: string[];
  endpoints_total: number;
  first_at: string;
  last_at: string;
  name: string;
  observed: number;
  replay: Replay;
  request_ids: string[];
  requesters: string[];
  sentence: string;
  yaml: string;
}

export interface SwitchPack {
  acknowledge_denied?: boolean;
  mode?: "observe" | "ask" | "enforce";
}

export interface TOTPCode {
  code: string;
}

export interface TOTPSecret {
  qr: string[];
  secret: string;
  uri: string;
}

export interface Target {
  domain: string;
  name: string;
}

export interface Team {
  automatic: boolean;
  escalate: TeamStep[];
  hours: string;
  id: string;
  members: string[];
  name: string;
  scope: TeamScopeSeen;
  tz: string;
}

export interface TeamPreview {
  at: string;
  steps: TeamTurn[];
  team: string;
}

export interface TeamScope {
  access_types?: ("run" | "session" | "admin")[];
  labels?: Record<string, string>;
}

export interface TeamScopeSeen {
  access_types: string[];
  labels: Record<string, string>;
}

export interface TeamSeated {
  login: string;
  stands_in_for: string | null;
}

export interface TeamStep {
  after_seconds: number;
  team: string;
}

export interface TeamTurn {
  after_seconds: number;
  answers_from: string | null;
  at: string | null;
  count: number;
  people: TeamSeated[];
  team: string;
  team_id: string;
}

export interface TemplatePreview {
  body: string;
  content_type: string;
}

export interface TicketValidator {
  timeout_seconds: number;
  url: string;
}

export interface TicketValidatorPatch {
  timeout_seconds?: number;
  url?: string;
}

export interface Timeline {
  items: TimelineItem[];
}

export interface TimelineItem {
  at: string;
  by: string;
  kind: string;
  text: string;
}

export interface Token {
  created_at: string;
  expires_at: string;
  id: string;
  last_used_at: string | null;
  name: string;
  scopes: string[];
  token?: string;
  user: string;
}

export interface TraceLine {
  matched: boolean;
  rule: string;
  why: string;
}

export interface User {
  created_at: string;
  disabled_at: string | null;
  email: string;
  has_passkey: boolean;
  has_password: boolean;
  has_totp: boolean;
  id: string;
  login: string;
  name: string;
  roles: ("administrator" | "security_admin" | "rule_author" | "approver" | "auditor" | "requester")[];
  scope: Record<string, string>;
  signed_in_at: string | null;
}

export interface Why {
  comment?: string;
}

export interface Window {
  duration_seconds: number | null;
  start: string | null;
}
