// The REST objects as the console reads them. console_test.go compares the field
// names with controller/client, so that the two cannot drift apart.

export interface Request {
  id: string;
  origin: string;
  state: State;
  end_reason: string | null;
  access_type: string;
  user: RequestUser;
  endpoint: EndpointRef;
  account: Target | null;
  subject: Subject;
  justification: string | null;
  ticket: string | null;
  priority: Priority;
  submitted_at: string | null;
  expires_at: string | null;
  requested: Window;
  granted: Granted | null;
  approvals: Approvals;
  reviews: Review[];
  questions: Question[];
  decision: Decision | null;
  grant: Grant | null;
  rules: string[];
  caution: Caution[];
  queue: Queue | null;
  previous_id: string | null;
  delivery: string;
  emergency: boolean;
  extends_id: string | null;
  joined: number;
  filed_by: Person | null;
  claim: Claim | null;
  notes: Note[];
  escalations: Escalation[];
  nudges: Nudges;
  after_review: AfterReview | null;
}

export interface Claim {
  by: Person;
  until: string;
}

export interface Note {
  by: Person;
  at: string;
  text: string;
}

export interface Escalation {
  team: string;
  name: string;
  at: string;
  by: Person | null;
  comment: string | null;
}

export interface Nudges {
  count: number;
  last_at: string | null;
}

export interface AfterReview {
  team: string;
  comment_required: boolean;
  blocks: boolean;
  due_at: string | null;
  by: Person | null;
  at: string | null;
  comment: string | null;
}

export type State =
  | "pending" | "approved" | "available" | "active" | "ended"
  | "expired" | "revoked" | "denied" | "cancelled";

export interface RequestUser {
  name: string;
  display: string | null;
  uid: string;
  groups: string[];
  account: Person | null;
}

export interface Person {
  id: string;
  login: string;
  name: string;
}

export interface EndpointRef {
  id: string;
  name: string | null;
  os: string | null;
  os_version: string | null;
  arch: string | null;
  ip: string | null;
  labels: Record<string, string>;
  reported: Record<string, string>;
}

export interface Target {
  name: string;
  domain: string;
}

export interface Subject {
  path: string;
  args: string[];
  cwd: string | null;
  run_as: string;
  sha256: string | null;
  size: number | null;
  publisher: Publisher | null;
  parent: string | null;
  product: string | null;
  version: string | null;
}

export interface Publisher {
  name: string;
  thumbprint: string;
}

export interface Priority {
  value: string;
  set_by: string | null;
}

export interface Window {
  start: string | null;
  duration_seconds: number | null;
}

export interface Granted {
  start: string | null;
  duration_seconds: number;
  use_within_seconds: number;
}

export interface Approvals {
  have: number;
  need: number;
  stages: Stage[];
}

export interface Stage {
  team: string;
  name: string;
  have: number;
  quorum: number;
}

export interface Review {
  by: Person;
  verdict: Verdict;
  at: string;
  comment: string | null;
  duration_seconds: number | null;
  start: string | null;
}

export type Verdict = "approved" | "denied";

export interface Question {
  by: Person;
  at: string;
  text: string;
  answer: string | null;
  answered_at: string | null;
}

export interface Decision {
  verdict: Verdict;
  by: Person | null;
  at: string;
  comment: string | null;
  rule: string | null;
  held_until: string | null;
}

export interface Grant {
  id: string;
  started_at: string | null;
  ended_at: string | null;
  end_reason: string | null;
}

export interface Caution {
  reason: string;
  fact: string;
}

export interface Queue {
  position: number | null;
  usual_wait_seconds: number | null;
  can_answer: string[];
  can_answer_from: string | null;
}

export interface TimelineItem {
  at: string;
  kind: string;
  by: string;
  text: string;
}

export interface Explanation {
  outcome: string;
  sentence: string;
  trace: TraceLine[];
}

export interface TraceLine {
  rule: string;
  matched: boolean;
  why: string;
}

export interface Me {
  id: string;
  login: string;
  name: string;
  roles: string[];
  scope: Record<string, string>;
  permissions: string[];
  session: boolean;
  undo_seconds: number;
  signed_in_by: string;
  presence_until: string | null;
  has_passkey: boolean;
  needs_second_factor: boolean;
  cluster: string;
  version: string;
}

export interface HeadStarts {
  low: number;
  normal: number;
  high: number;
  urgent: number;
}

// Envelopes, not compared by name.

export interface Page<T> {
  items: T[];
  next_cursor?: string;
  total: number;
  total_is_lower_bound: boolean;
}

export interface LiveData {
  seq: number;
  kind: string;
  request?: Request;
}

// --- signing in, and who one is ---

export interface SignInPage {
  password: boolean;
  passkey: boolean;
  providers: SignInProvider[];
  cluster: string;
}

export interface SignInProvider {
  id: string;
  name: string;
}

export interface Ceremony {
  ceremony: string;
  options: unknown; // for the browser
}

export interface PasskeyAnswer {
  ceremony: string;
  credential: unknown; // of the browser
}

export interface Factors {
  passkeys: Passkey[];
  totp: boolean;
  password: boolean;
}

export interface Passkey {
  id: string;
  name: string;
  created_at: string;
  last_used_at: string | null;
  blocked: boolean;
}

export interface TOTPSecret {
  secret: string;
  uri: string;
}

export interface DeviceAsked {
  name: string;
  address: string;
  created_at: string;
}

export interface CannedTexts {
  questions: string[];
  denials: string[];
}

export interface MySettings {
  notify: MyNotify;
  buttons: string[];
  columns: Record<string, string[]>;
  views: MyView[];
  density: string;
  keys: Record<string, string>;
  offered_channels: string[];
}

export interface MyNotify {
  channels: string[] | null; // null: as alerts say
  quiet_hours: string;
  time_zone: string;
  digest_seconds: number;
  phone: string;
}

export interface MyView {
  name: string;
  query: string;
}
