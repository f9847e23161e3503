// The kinds of channels as people know them, each with exactly its own fields.
import type { IconName } from "../icons";
import type { Channel, ChannelConfig } from "../types.gen";

export interface ShapeField {
  key: string; // of the configuration; options.NAME lies inside of its options
  name: string;
  type: "text" | "url" | "secret" | "number" | "choice" | "check" | "long" | "headers";
  hint?: string;
  placeholder?: string;
  required?: boolean;
  first?: string; // the value of a new channel
  choices?: readonly (readonly [value: string, name: string])[];
  further?: boolean; // few people need it
}

export interface Shape { id: string; name: string; kind: Channel["kind"] & NewKind; template?: string; icon: IconName; text: string; fields: readonly ShapeField[] }
type NewKind = "webhook" | "email" | "sms" | "syslog";

const headers: ShapeField = { key: "headers", name: "Headers", type: "headers", hint: "Sent with each call. Their values are kept encrypted and never shown again.", further: true };
const signing: ShapeField = { key: "secret", name: "Signing secret", type: "secret", hint: "whsec_ and base64. Without one it is made, and shown once.", further: true };
const address = (name: string, placeholder: string, hint: string): ShapeField => ({ key: "url", name, type: "url", required: true, placeholder, hint });
const commentsOnly: ShapeField = { key: "options.comments_only", name: "Only comment tickets that requests carry, make no new ones", type: "check" };
const ca: ShapeField = { key: "ca_pem", name: "Certificate authority", type: "long", placeholder: "-----BEGIN CERTIFICATE-----", hint: "PEM, when the server has a certificate of your own authority.", further: true };

export const shapes: readonly Shape[] = [
  { id: "email", name: "E-mail", kind: "email", icon: "inbox", text: "To the addresses of people, through your mail server.", fields: [
    { key: "host", name: "Mail server", type: "text", required: true, placeholder: "mail.example.org" },
    { key: "from", name: "From", type: "text", required: true, placeholder: "Assent <assent@example.org>" },
    { key: "tls", name: "Encryption", type: "choice", first: "starttls", choices: [["starttls", "STARTTLS (587)"], ["implicit", "TLS from the start (465)"], ["none", "None (25), without a password"]] },
    { key: "port", name: "Port", type: "number", placeholder: "as usual" },
    { key: "username", name: "User name", type: "text" }, { key: "password", name: "Password", type: "secret" }, ca] },
  { id: "slack", name: "Slack", kind: "webhook", template: "slack", icon: "comment", text: "Into a Slack channel, by an incoming webhook.", fields: [
    { ...address("Webhook address", "https://hooks.slack.com/services/…", "Whoever knows it can write there, so it is kept like a password."), type: "secret" }] },
  { id: "teams", name: "Microsoft Teams", kind: "webhook", template: "teams", icon: "comment", text: "Into a Teams channel, by a workflow that takes webhooks.", fields: [
    { ...address("Webhook address", "https://….webhook.office.com/…", "Whoever knows it can write there, so it is kept like a password."), type: "secret" }] },
  { id: "jira", name: "Jira", kind: "webhook", template: "jira", icon: "list", text: "Makes issues, and comments those that requests carry as their ticket.", fields: [
    address("Address of Jira", "https://example.atlassian.net", "The address that people open."),
    { key: "options.project", name: "Project", type: "text", placeholder: "OPS", hint: "Its key. Not needed when only comments are made." },
    { key: "options.issue_type", name: "Issue type", type: "text", placeholder: "Task" }, commentsOnly, { ...headers, further: false, hint: "Authorization: Basic … or Bearer …" }] },
  { id: "servicenow", name: "ServiceNow", kind: "webhook", template: "servicenow", icon: "list", text: "Makes incidents, and writes work notes to those that requests carry.", fields: [
    address("Address of ServiceNow", "https://example.service-now.com", "The address of the instance."),
    { key: "options.assignment_group", name: "Assignment group", type: "text" }, { key: "options.caller_id", name: "Caller", type: "text" }, commentsOnly, { ...headers, further: false, hint: "Authorization: Basic …" }] },
  { id: "pagerduty", name: "PagerDuty", kind: "webhook", template: "pagerduty", icon: "bell", text: "Wakes whoever is on call.", fields: [
    { ...address("Address", "https://events.pagerduty.com/v2/enqueue", "Of the Events API."), first: "https://events.pagerduty.com/v2/enqueue" },
    { key: "routing_key", name: "Routing key", type: "secret", required: true, hint: "The integration key of the service, 32 letters and digits." }] },
  { id: "webhook", name: "Webhook", kind: "webhook", icon: "out", text: "A signed JSON call to any address (Standard Webhooks).", fields: [address("Address", "https://example.org/hook", "https, or http inside of your network where the controller allows it."), signing, headers] },
  { id: "own", name: "Own template", kind: "webhook", icon: "edit", text: "A call whose body you write yourself.", fields: [
    address("Address", "https://example.org/hook", ""),
    { key: "body", name: "Body", type: "long", required: true, placeholder: "{\"text\": \"{{.title}}\"}", hint: "{{.request.user.name}} stands for a field; if, with, range, json, text, url, eq and not are known." }, signing, headers] },
  { id: "sms", name: "SMS", kind: "sms", icon: "app", text: "To the phones of people, by a provider that speaks like Twilio.", fields: [
    { key: "account", name: "Account", type: "text", required: true, placeholder: "AC…" }, { key: "auth_token", name: "Auth token", type: "secret", required: true },
    { key: "from", name: "From", type: "text", required: true, placeholder: "+4930123456" }, { key: "url", name: "Address of the provider", type: "url", placeholder: "Twilio", further: true }] },
  { id: "syslog", name: "Syslog", kind: "syslog", icon: "list", text: "To a log server or SIEM: what alerts say, or the whole audit log.", fields: [
    { key: "address", name: "Server", type: "text", required: true, placeholder: "logs.example.org:6514" },
    { key: "format", name: "Form", type: "choice", first: "rfc5424", choices: [["rfc5424", "Syslog (RFC 5424)"], ["cef", "CEF"], ["ocsf", "OCSF"]] },
    { key: "stream", name: "Send the whole audit log, without gaps", type: "check" }, { key: "tls", name: "Encrypted (TLS)", type: "check", first: "true" },
    { key: "facility", name: "Facility", type: "number", placeholder: "13, log audit", further: true }, ca] },
];

export function shapeOf(c: Pick<Channel, "kind" | "config">): Shape {
  const id = c.kind !== "webhook" ? c.kind : c.config.template || (c.config.body ? "own" : "webhook");
  return shapes.find((s) => s.id === id) ?? (shapes.find((s) => s.id === "webhook") as Shape);
}

// whereTo is where a channel leads, in a few words.
export function whereTo(c: Channel): string {
  const f = c.config;
  if (f.address) return f.address;
  if (f.host) return f.port ? `${f.host}:${f.port}` : f.host;
  if (f.url) return f.url.replace(/^https?:\/\//, "").replace(/\/$/, "");
  return f.from ?? "";
}

export type Values = Readonly<Record<string, string>>;

// valuesOf are the fields of a form as texts; secrets are never among what was read.
export function valuesOf(shape: Shape, config: ChannelConfig | null): Record<string, string> {
  const out: Record<string, string> = {};
  const known = (config ?? {}) as Record<string, unknown>;
  for (const f of shape.fields) {
    const v = f.key.startsWith("options.") ? config?.options?.[f.key.slice(8)] : known[f.key];
    out[f.key] = config === null ? f.first ?? "" : f.type === "secret" || f.type === "headers" ? "" : f.key === "tls" && v === undefined ? f.first ?? "" : String(v ?? "");
  }
  return out;
}

// configOf turns the texts of a form into a configuration. What is empty is left
// out: secrets that were set before stay.
export function configOf(shape: Shape, values: Values, headersNow: Readonly<Record<string, string>>): ChannelConfig {
  const out: Record<string, unknown> = {};
  const options: Record<string, string> = {};
  for (const f of shape.fields) {
    const v = f.type === "long" || f.type === "secret" ? values[f.key] ?? "" : (values[f.key] ?? "").trim();
    if (f.type === "headers") {
      if (Object.keys(headersNow).length > 0) out["headers"] = headersNow;
    } else if (f.type === "check" && !f.key.startsWith("options.")) out[f.key] = v === "true";
    else if (v === "" || f.type === "check" && v !== "true") continue;
    else if (f.key.startsWith("options.")) options[f.key.slice(8)] = v;
    else out[f.key] = f.type === "number" ? Number(v) : v;
  }
  if (shape.template) out["template"] = shape.template;
  if (Object.keys(options).length > 0) out["options"] = options;
  return out as ChannelConfig;
}
