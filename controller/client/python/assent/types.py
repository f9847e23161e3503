# Written by controller/cmd/pysdk from the OpenAPI document; do not edit.
"""The bodies of the REST interface, as type checkers see them: plain dicts."""

from typing import Any, Dict, List, Literal, Optional, TypedDict, Union


class Access(TypedDict):
    at: "str"
    by: "Person"
    duration_seconds: "int"
    endpoint: "EndpointRef"
    id: "str"
    pin: "Literal[\"publisher\", \"path\", \"sha256\"]"
    request_id: "str"
    rules: "List[str]"
    subject: "Subject"
    until: "str"
    user: "str"


class AfterReview(TypedDict):
    at: "Optional[str]"
    blocks: "bool"
    by: "Optional[Person]"
    comment: "Optional[str]"
    comment_required: "bool"
    due_at: "Optional[str]"
    team: "str"


class Again(TypedDict, total=False):
    comment: "str"
    duration_seconds: "int"
    id: "str"
    justification: "str"
    priority: "Literal[\"low\", \"normal\", \"high\", \"urgent\"]"
    start: "str"
    ticket: "str"


class Alert(TypedDict):
    channels: "List[str]"
    digest_seconds: "int"
    enabled: "bool"
    events: "List[str]"
    filter: "AlertFilter"
    id: "str"
    made_at: "str"
    mandatory: "bool"
    name: "str"
    recipients: "AlertRecipients"


class AlertFilter(TypedDict, total=False):
    access_type: "Literal[\"run\", \"session\", \"admin\"]"
    caution: "bool"
    endpoint_labels: "Dict[str, str]"
    priority_at_least: "Literal[\"low\", \"normal\", \"high\", \"urgent\"]"
    team: "str"
    user: "str"
    waiting_longer_than_seconds: "int"


class AlertRecipients(TypedDict, total=False):
    answerers: "bool"
    requester: "bool"
    roles: "List[Literal[\"administrator\", \"security_admin\", \"rule_author\", \"approver\", \"auditor\", \"requester\"]]"
    teams: "List[str]"
    users: "List[str]"


class Answer(TypedDict, total=False):
    comment: "str"
    duration_seconds: "int"
    lasts: "str"
    note: "str"
    priority: "Literal[\"low\", \"normal\", \"high\", \"urgent\"]"
    start: "str"
    team: "str"


class _ApplyRules(TypedDict):
    yaml: "str"


class ApplyRules(_ApplyRules, total=False):
    acknowledge_denied: "bool"
    base: "int"
    comment: "str"
    merge: "bool"


class Approvals(TypedDict):
    have: "int"
    need: "int"
    stages: "List[Stage]"


class AuditActor(TypedDict):
    id: "str"
    kind: "Literal[\"user\", \"rule\", \"endpoint\", \"system\"]"
    name: "str"


class _AuditEvent(TypedDict):
    actor: "AuditActor"
    at: "str"
    data: "Dict[str, str]"
    id: "str"
    kind: "str"
    seq: "int"


class AuditEvent(_AuditEvent, total=False):
    endpoint: "str"
    grant: "str"
    request: "str"


class _AuditPage(TypedDict):
    items: "List[AuditEvent]"
    next_after: "int"


class AuditPage(_AuditPage, total=False):
    next_before: "int"


class _Batch(TypedDict):
    action: "Literal[\"approve\", \"deny\", \"ask\", \"undo\", \"revoke\", \"cancel\", \"check-in\", \"remove\", \"claim\", \"nudge\", \"escalate\", \"prioritize\", \"after-review\"]"


class Batch(_Batch, total=False):
    comment: "str"
    duration_seconds: "int"
    group: "GroupKey"
    ids: "List[str]"
    lasts: "str"
    note: "str"
    priority: "Literal[\"low\", \"normal\", \"high\", \"urgent\"]"
    start: "str"
    team: "str"


class _BatchResult(TypedDict):
    id: "str"
    ok: "bool"
    state: "str"


class BatchResult(_BatchResult, total=False):
    error: "Problem"


class BatchResults(TypedDict):
    results: "List[BatchResult]"
    rule_from: "Optional[str]"


class ByCode(TypedDict):
    code: "str"


class Canned(TypedDict):
    denials: "List[str]"
    questions: "List[str]"
    team: "str"


class CannedTexts(TypedDict):
    denials: "List[str]"
    questions: "List[str]"


class Caution(TypedDict):
    fact: "str"
    reason: "str"


class Ceremony(TypedDict):
    ceremony: "str"
    options: "Dict[str, Any]"


class Change(TypedDict):
    at: "str"
    how: "str"
    name: "str"
    text: "str"
    what: "str"


class _Channel(TypedDict):
    config: "ChannelConfig"
    disabled_why: "str"
    enabled: "bool"
    id: "str"
    kind: "str"
    made_at: "str"
    name: "str"
    secret_set: "bool"
    stream: "Optional[ChannelStream]"


class Channel(_Channel, total=False):
    secret: "str"


ChannelConfig = TypedDict(
    "ChannelConfig",
    {
        "account": "str",
        "address": "str",
        "auth_token": "str",
        "body": "str",
        "ca_pem": "str",
        "facility": "int",
        "format": "Literal[\"rfc5424\", \"cef\", \"ocsf\"]",
        "from": "str",
        "headers": "Dict[str, str]",
        "host": "str",
        "options": "Dict[str, str]",
        "password": "str",
        "port": "int",
        "routing_key": "str",
        "secret": "str",
        "stream": "bool",
        "template": "str",
        "tls": "Any",
        "url": "str",
        "username": "str",
    },
    total=False,
)


class ChannelStream(TypedDict):
    behind: "int"
    error: "str"
    seq: "int"


class _ChannelTest(TypedDict):
    ok: "bool"
    took_ms: "int"


class ChannelTest(_ChannelTest, total=False):
    error: "str"
    status: "int"


class _Checkpoint(TypedDict):
    key: "str"
    note: "str"
    size: "int"


class Checkpoint(_Checkpoint, total=False):
    at: "str"


class Claim(TypedDict):
    by: "Person"
    until: "str"


class Confirming(TypedDict):
    asked_at: "str"
    confirmed_at: "Optional[str]"
    until: "str"


class Counts(TypedDict):
    all: "int"
    approved: "int"
    available: "int"
    denied: "int"
    expired: "int"
    pending: "int"
    revoked: "int"


class Decision(TypedDict):
    at: "str"
    by: "Optional[Person]"
    comment: "Optional[str]"
    held_until: "Optional[str]"
    rule: "Optional[str]"
    verdict: "Literal[\"approved\", \"denied\"]"


Delegation = TypedDict(
    "Delegation",
    {
        "delegate": "str",
        "from": "str",
        "id": "str",
        "made_by": "str",
        "until": "str",
        "user": "str",
    },
    total=True,
)


class Delivery(TypedDict):
    alert: "str"
    alert_name: "str"
    channel: "str"
    channel_name: "str"
    created_at: "str"
    id: "str"
    kind: "str"
    last_error: "str"
    message: "str"
    next_at: "Optional[str]"
    recipient: "str"
    request: "str"
    sent_at: "Optional[str]"
    state: "Literal[\"waiting\", \"sent\", \"failed\", \"dropped\"]"
    tries: "int"


class DeviceAnswer(TypedDict):
    allow: "bool"


class DeviceAsked(TypedDict):
    address: "str"
    created_at: "str"
    name: "str"


class DeviceClaim(TypedDict):
    device_code: "str"


class DeviceCodes(TypedDict):
    device_code: "str"
    expires_in_seconds: "int"
    interval_seconds: "int"
    user_code: "str"
    verification_uri: "str"
    verification_uri_complete: "str"


class DeviceToken(TypedDict):
    expires_at: "str"
    login: "str"
    token: "str"


class Directory(TypedDict):
    adopt_accounts: "bool"
    base_url: "str"
    groups: "List[DirectoryMapping]"
    known: "List[DirectoryGroup]"
    users: "int"


class DirectoryGroup(TypedDict):
    external_id: "str"
    id: "str"
    name: "str"


class _DirectoryMapping(TypedDict):
    roles: "List[Literal[\"administrator\", \"security_admin\", \"rule_author\", \"approver\", \"auditor\", \"requester\"]]"


class DirectoryMapping(_DirectoryMapping, total=False):
    external_id: "str"
    id: "str"


class DraftRule(TypedDict, total=False):
    fields: "Dict[str, Any]"
    rule: "str"
    yaml: "str"


class EditAlert(TypedDict, total=False):
    channels: "List[str]"
    digest_seconds: "int"
    enabled: "bool"
    events: "List[str]"
    filter: "AlertFilter"
    mandatory: "bool"
    name: "str"
    recipients: "AlertRecipients"


class EditChannel(TypedDict, total=False):
    config: "ChannelConfig"
    enabled: "bool"
    kind: "Literal[\"webhook\", \"email\", \"sms\", \"syslog\"]"
    name: "str"


EditDelegation = TypedDict(
    "EditDelegation",
    {
        "delegate": "str",
        "from": "str",
        "until": "str",
    },
    total=False,
)


class EditDirectory(TypedDict, total=False):
    adopt_accounts: "bool"
    groups: "List[DirectoryMapping]"


class EditEndpoint(TypedDict, total=False):
    labels: "Dict[str, str]"


class EditLink(TypedDict, total=False):
    account: "str"
    directory: "str"
    endpoint: "str"
    uid: "str"
    user: "str"


class EditMyNotify(TypedDict, total=False):
    as_alerts_say: "bool"
    channels: "List[str]"
    digest_seconds: "int"
    phone: "str"
    quiet_hours: "str"
    time_zone: "str"


class EditMySettings(TypedDict, total=False):
    buttons: "List[str]"
    columns: "Dict[str, Optional[List[str]]]"
    density: "Literal[\"comfortable\", \"compact\"]"
    keys: "Dict[str, str]"
    notify: "EditMyNotify"
    views: "List[MyView]"


class EditProvider(TypedDict, total=False):
    allowed_domains: "List[str]"
    client_id: "str"
    client_secret: "str"
    create_accounts: "bool"
    enabled: "bool"
    groups: "List[GroupRoles]"
    groups_claim: "str"
    issuer: "str"
    link: "ProviderLink"
    name: "str"
    scopes: "List[str]"


class EditRule(TypedDict, total=False):
    acknowledge_denied: "bool"
    mode: "Literal[\"enforce\", \"observe\"]"
    yaml: "str"


class EditTeam(TypedDict, total=False):
    escalate: "List[TeamStep]"
    hours: "str"
    members: "List[str]"
    name: "str"
    scope: "TeamScope"
    tz: "str"


class EditToken(TypedDict, total=False):
    name: "str"
    scopes: "List[Literal[\"requests.read\", \"requests.decide\", \"rules\", \"endpoints\", \"users\", \"audit.read\", \"metrics\", \"scim\"]]"


class EditUser(TypedDict, total=False):
    disabled: "bool"
    email: "str"
    name: "str"
    password: "str"
    roles: "List[Literal[\"administrator\", \"security_admin\", \"rule_author\", \"approver\", \"auditor\", \"requester\"]]"
    scope: "Dict[str, Any]"


class Emergency(TypedDict):
    daily_quota: "int"
    enabled: "bool"
    roles: "List[Literal[\"administrator\", \"security_admin\", \"rule_author\", \"approver\", \"auditor\", \"requester\"]]"


class EmergencyPatch(TypedDict, total=False):
    daily_quota: "int"
    enabled: "bool"
    roles: "List[Literal[\"administrator\", \"security_admin\", \"rule_author\", \"approver\", \"auditor\", \"requester\"]]"


class Endpoint(TypedDict):
    agent_version: "Optional[str]"
    arch: "Optional[str]"
    capabilities: "List[str]"
    cert_not_after: "Optional[str]"
    clock_off_ms: "Optional[int]"
    connected: "bool"
    enrolled_at: "str"
    given_labels: "Dict[str, str]"
    id: "str"
    ip: "Optional[str]"
    labels: "Dict[str, str]"
    last_seen_at: "Optional[str]"
    locked: "bool"
    locked_at: "Optional[str]"
    locked_by: "Optional[str]"
    locked_why: "Optional[str]"
    mode: "Literal[\"off\", \"observe\", \"ask\"]"
    name: "str"
    os: "Optional[str]"
    os_version: "Optional[str]"
    paused_until: "Optional[str]"
    policy: "Optional[str]"
    policy_version: "Optional[int]"
    quarantined: "bool"
    reported: "Dict[str, str]"
    standing_rights: "Optional[int]"


class EndpointRef(TypedDict):
    arch: "Optional[str]"
    id: "str"
    ip: "Optional[str]"
    labels: "Dict[str, str]"
    name: "Optional[str]"
    os: "Optional[str]"
    os_version: "Optional[str]"
    reported: "Dict[str, str]"


class _EndpointResult(TypedDict):
    id: "str"
    ok: "bool"


class EndpointResult(_EndpointResult, total=False):
    error: "Problem"


class EndpointResults(TypedDict):
    results: "List[EndpointResult]"


class _EnrollToken(TypedDict):
    accept_labels: "List[str]"
    controller: "str"
    created_at: "str"
    created_by: "str"
    expires_at: "str"
    id: "str"
    labels: "Dict[str, str]"
    max_uses: "int"
    mode: "Optional[Literal[\"observe\", \"ask\"]]"
    uses: "int"


class EnrollToken(_EnrollToken, total=False):
    token: "str"


class Escalation(TypedDict):
    at: "str"
    by: "Optional[Person]"
    comment: "Optional[str]"
    name: "str"
    team: "str"


class Evaluate(TypedDict, total=False):
    attempt: "EvaluateAttempt"
    request_id: "str"
    rule: "str"


class _EvaluateAttempt(TypedDict):
    path: "str"


class EvaluateAttempt(_EvaluateAttempt, total=False):
    access_type: "Literal[\"run\", \"session\", \"admin\"]"
    args: "List[str]"
    cwd: "str"
    endpoint: "str"
    groups: "List[str]"
    justification: "str"
    labels: "Dict[str, str]"
    marks: "List[str]"
    parent: "str"
    priority: "Literal[\"low\", \"normal\", \"high\", \"urgent\"]"
    product: "str"
    run_as: "str"
    sha256: "str"
    thumbprint: "str"
    ticket: "str"
    uid: "str"
    user: "str"
    version: "str"


class EventProof(TypedDict):
    checkpoint: "Checkpoint"
    event: "EvidenceEvent"


class Evidence(TypedDict):
    checkpoint: "Checkpoint"
    events: "List[EvidenceEvent]"
    format: "str"
    grant: "str"
    key_set: "str"
    request: "Request"
    root_key: "RootKey"
    unsigned: "int"


class _EvidenceEvent(TypedDict):
    actor: "AuditActor"
    at: "str"
    data: "Dict[str, str]"
    id: "str"
    kind: "str"
    leaf: "str"
    path: "List[str]"
    seq: "int"


class EvidenceEvent(_EvidenceEvent, total=False):
    endpoint: "str"
    grant: "str"
    request: "str"
    text: "Dict[str, EvidenceText]"


class EvidenceText(TypedDict):
    salt: "str"
    text: "str"


class Explanation(TypedDict):
    outcome: "Literal[\"ask\", \"approve\", \"deny\"]"
    sentence: "str"
    trace: "List[TraceLine]"


class Factors(TypedDict):
    passkeys: "List[Passkey]"
    password: "bool"
    totp: "bool"


class Fault(TypedDict):
    code: "str"
    col: "int"
    line: "int"
    severity: "Literal[\"error\", \"warning\"]"
    text: "str"


class FieldError(TypedDict):
    location: "str"
    message: "str"


class Grant(TypedDict):
    end_reason: "Optional[str]"
    ended_at: "Optional[str]"
    id: "str"
    started_at: "Optional[str]"


class Granted(TypedDict):
    duration_seconds: "int"
    start: "Optional[str]"
    use_within_seconds: "int"


class GroupKey(TypedDict):
    by: "Literal[\"program\", \"publisher\", \"user\", \"endpoint\"]"
    key: "str"


class GroupRoles(TypedDict):
    id: "str"
    roles: "List[Literal[\"administrator\", \"security_admin\", \"rule_author\", \"approver\", \"auditor\", \"requester\"]]"


class HeadStartPatch(TypedDict, total=False):
    high: "int"
    low: "int"
    normal: "int"
    urgent: "int"


class HeadStarts(TypedDict):
    high: "int"
    low: "int"
    normal: "int"
    urgent: "int"


class _Hook(TypedDict):
    id: "str"
    kind: "Literal[\"note\", \"ticket\"]"
    made_at: "str"
    made_by: "str"
    name: "str"
    used_at: "Optional[str]"


class Hook(_Hook, total=False):
    secret: "str"


class HookCall(TypedDict, total=False):
    request: "str"
    state: "str"
    text: "str"
    ticket: "str"


class HookHeard(TypedDict):
    requests: "int"


class Link(TypedDict):
    account: "str"
    account_id: "str"
    directory: "Optional[str]"
    endpoint: "Optional[str]"
    endpoint_id: "Optional[str]"
    id: "str"
    made_at: "str"
    made_by: "str"
    uid: "Optional[str]"
    user: "Optional[str]"


class _ListAccess(TypedDict):
    items: "List[Access]"
    total: "int"
    total_is_lower_bound: "bool"


class ListAccess(_ListAccess, total=False):
    next_cursor: "str"


class _ListAlert(TypedDict):
    items: "List[Alert]"
    total: "int"
    total_is_lower_bound: "bool"


class ListAlert(_ListAlert, total=False):
    next_cursor: "str"


class _ListChannel(TypedDict):
    items: "List[Channel]"
    total: "int"
    total_is_lower_bound: "bool"


class ListChannel(_ListChannel, total=False):
    next_cursor: "str"


class _ListDelegation(TypedDict):
    items: "List[Delegation]"
    total: "int"
    total_is_lower_bound: "bool"


class ListDelegation(_ListDelegation, total=False):
    next_cursor: "str"


class _ListDelivery(TypedDict):
    items: "List[Delivery]"
    total: "int"
    total_is_lower_bound: "bool"


class ListDelivery(_ListDelivery, total=False):
    next_cursor: "str"


class _ListEndpoint(TypedDict):
    items: "List[Endpoint]"
    total: "int"
    total_is_lower_bound: "bool"


class ListEndpoint(_ListEndpoint, total=False):
    next_cursor: "str"


class _ListEnrollToken(TypedDict):
    items: "List[EnrollToken]"
    total: "int"
    total_is_lower_bound: "bool"


class ListEnrollToken(_ListEnrollToken, total=False):
    next_cursor: "str"


class _ListHook(TypedDict):
    items: "List[Hook]"
    total: "int"
    total_is_lower_bound: "bool"


class ListHook(_ListHook, total=False):
    next_cursor: "str"


class _ListLink(TypedDict):
    items: "List[Link]"
    total: "int"
    total_is_lower_bound: "bool"


class ListLink(_ListLink, total=False):
    next_cursor: "str"


class _ListPack(TypedDict):
    items: "List[Pack]"
    total: "int"
    total_is_lower_bound: "bool"


class ListPack(_ListPack, total=False):
    next_cursor: "str"


class _ListPause(TypedDict):
    items: "List[Pause]"
    total: "int"
    total_is_lower_bound: "bool"


class ListPause(_ListPause, total=False):
    next_cursor: "str"


class _ListProposal(TypedDict):
    items: "List[Proposal]"
    total: "int"
    total_is_lower_bound: "bool"


class ListProposal(_ListProposal, total=False):
    next_cursor: "str"


class _ListProvider(TypedDict):
    items: "List[Provider]"
    total: "int"
    total_is_lower_bound: "bool"


class ListProvider(_ListProvider, total=False):
    next_cursor: "str"


class _ListReportInfo(TypedDict):
    items: "List[ReportInfo]"
    total: "int"
    total_is_lower_bound: "bool"


class ListReportInfo(_ListReportInfo, total=False):
    next_cursor: "str"


class _ListRuleHits(TypedDict):
    items: "List[RuleHits]"
    total: "int"
    total_is_lower_bound: "bool"


class ListRuleHits(_ListRuleHits, total=False):
    next_cursor: "str"


class _ListRuleVersion(TypedDict):
    items: "List[RuleVersion]"
    total: "int"
    total_is_lower_bound: "bool"


class ListRuleVersion(_ListRuleVersion, total=False):
    next_cursor: "str"


class _ListSeenAttempt(TypedDict):
    items: "List[SeenAttempt]"
    total: "int"
    total_is_lower_bound: "bool"


class ListSeenAttempt(_ListSeenAttempt, total=False):
    next_cursor: "str"


class _ListStandingRight(TypedDict):
    items: "List[StandingRight]"
    total: "int"
    total_is_lower_bound: "bool"


class ListStandingRight(_ListStandingRight, total=False):
    next_cursor: "str"


class _ListSuggestion(TypedDict):
    items: "List[Suggestion]"
    total: "int"
    total_is_lower_bound: "bool"


class ListSuggestion(_ListSuggestion, total=False):
    next_cursor: "str"


class _ListTeam(TypedDict):
    items: "List[Team]"
    total: "int"
    total_is_lower_bound: "bool"


class ListTeam(_ListTeam, total=False):
    next_cursor: "str"


class _ListToken(TypedDict):
    items: "List[Token]"
    total: "int"
    total_is_lower_bound: "bool"


class ListToken(_ListToken, total=False):
    next_cursor: "str"


class _ListUser(TypedDict):
    items: "List[User]"
    total: "int"
    total_is_lower_bound: "bool"


class ListUser(_ListUser, total=False):
    next_cursor: "str"


class Listed(TypedDict):
    args: "List[str]"
    at: "str"
    path: "str"
    refused: "Optional[str]"
    run_as: "str"


class _Listing(TypedDict):
    items: "List[Any]"
    total: "int"
    total_is_lower_bound: "bool"


class Listing(_Listing, total=False):
    next_cursor: "str"


class MadeRule(TypedDict):
    faults: "List[Fault]"
    name: "str"
    yaml: "str"


class Me(TypedDict):
    cluster: "str"
    demo: "bool"
    has_passkey: "bool"
    id: "str"
    login: "str"
    name: "str"
    needs_second_factor: "bool"
    permissions: "List[str]"
    presence_until: "Optional[str]"
    roles: "List[str]"
    scope: "Dict[str, str]"
    seat: "Optional[Seat]"
    session: "bool"
    signed_in_by: "Literal[\"password\", \"totp\", \"passkey\", \"oidc\", \"link\", \"token\", \"endpoint\"]"
    undo_seconds: "int"
    version: "str"


class MyNotify(TypedDict):
    channels: "Optional[List[str]]"
    digest_seconds: "int"
    phone: "str"
    quiet_hours: "str"
    time_zone: "str"


class MySettings(TypedDict):
    buttons: "List[str]"
    columns: "Dict[str, Optional[List[str]]]"
    density: "Literal[\"comfortable\", \"compact\"]"
    keys: "Dict[str, str]"
    notify: "MyNotify"
    offered_channels: "List[str]"
    views: "List[MyView]"


class MyView(TypedDict):
    name: "str"
    query: "str"


class _NewAlert(TypedDict):
    channels: "List[str]"
    events: "List[str]"
    name: "str"


class NewAlert(_NewAlert, total=False):
    digest_seconds: "int"
    enabled: "bool"
    filter: "AlertFilter"
    mandatory: "bool"
    recipients: "AlertRecipients"


class _NewChannel(TypedDict):
    config: "ChannelConfig"
    kind: "Literal[\"webhook\", \"email\", \"sms\", \"syslog\"]"
    name: "str"


class NewChannel(_NewChannel, total=False):
    enabled: "bool"


class _NewDelegation(TypedDict):
    delegate: "str"
    until: "str"


class NewDelegation(_NewDelegation, total=False):
    user: "str"


class NewDevice(TypedDict):
    name: "str"


class NewEnrollToken(TypedDict, total=False):
    accept_labels: "List[str]"
    labels: "Dict[str, str]"
    max_uses: "int"
    mode: "Literal[\"observe\", \"ask\"]"
    ttl_seconds: "int"


class NewHook(TypedDict):
    kind: "Literal[\"note\", \"ticket\"]"
    name: "str"


class _NewLink(TypedDict):
    account: "str"


class NewLink(_NewLink, total=False):
    directory: "str"
    endpoint: "str"
    uid: "str"
    user: "str"


class NewPasskey(TypedDict):
    ceremony: "str"
    credential: "Dict[str, Any]"
    name: "str"


class _NewPassword(TypedDict):
    password: "str"


class NewPassword(_NewPassword, total=False):
    current: "str"


class _NewPause(TypedDict):
    comment: "str"


class NewPause(_NewPause, total=False):
    duration_seconds: "int"
    labels: "Dict[str, str]"
    until: "str"


class _NewProvider(TypedDict):
    client_id: "str"
    issuer: "str"
    name: "str"


class NewProvider(_NewProvider, total=False):
    allowed_domains: "List[str]"
    client_secret: "str"
    create_accounts: "bool"
    enabled: "bool"
    groups: "List[GroupRoles]"
    groups_claim: "str"
    link: "ProviderLink"
    scopes: "List[str]"


class _NewRequest(TypedDict):
    access_type: "Literal[\"run\", \"session\", \"admin\"]"
    endpoint: "str"
    justification: "str"


class NewRequest(_NewRequest, total=False):
    duration_seconds: "int"
    emergency: "bool"
    for_user: "str"
    from_request: "str"
    id: "str"
    priority: "Literal[\"low\", \"normal\", \"high\", \"urgent\"]"
    start: "str"
    ticket: "str"


class NewSession(TypedDict, total=False):
    code: "str"
    link: "str"
    login: "str"
    passkey: "PasskeyAnswer"
    password: "str"


class _NewTeam(TypedDict):
    name: "str"


class NewTeam(_NewTeam, total=False):
    escalate: "List[TeamStep]"
    hours: "str"
    members: "List[str]"
    scope: "TeamScope"
    tz: "str"


class _NewToken(TypedDict):
    name: "str"


class NewToken(_NewToken, total=False):
    scopes: "List[Literal[\"requests.read\", \"requests.decide\", \"rules\", \"endpoints\", \"users\", \"audit.read\", \"metrics\", \"scim\"]]"
    ttl_seconds: "int"
    user: "str"


class _NewUser(TypedDict):
    login: "str"


class NewUser(_NewUser, total=False):
    email: "str"
    name: "str"
    password: "str"
    roles: "List[Literal[\"administrator\", \"security_admin\", \"rule_author\", \"approver\", \"auditor\", \"requester\"]]"
    scope: "Dict[str, Any]"


class Note(TypedDict):
    at: "str"
    by: "Person"
    text: "str"


class Nudge(TypedDict):
    every_seconds: "int"
    most: "int"


class NudgePatch(TypedDict, total=False):
    every_seconds: "int"
    most: "int"


class Nudges(TypedDict):
    count: "int"
    last_at: "Optional[str]"


class OIDCRedirect(TypedDict):
    url: "str"


class _OIDCSignIn(TypedDict):
    provider: "str"


class OIDCSignIn(_OIDCSignIn, total=False):
    return_to: "str"


class _OfflineCode(TypedDict):
    code: "str"


class OfflineCode(_OfflineCode, total=False):
    command: "str"
    comment: "str"
    duration_seconds: "int"
    endpoint: "str"
    user: "str"


class OfflineCodeTold(TypedDict):
    access_type: "Literal[\"run\", \"session\", \"admin\"]"
    account: "Optional[Target]"
    after_review: "Optional[AfterReview]"
    approvals: "Approvals"
    caution: "List[Caution]"
    changes: "List[Change]"
    claim: "Optional[Claim]"
    confirming: "Optional[Confirming]"
    decision: "Optional[Decision]"
    delivery: "Literal[\"none\", \"waiting\", \"activating\", \"delivered\", \"revoking\", \"confirmed\"]"
    emergency: "bool"
    end_reason: "Optional[str]"
    endpoint: "EndpointRef"
    escalations: "List[Escalation]"
    expires_at: "Optional[str]"
    extends_id: "Optional[str]"
    filed_by: "Optional[Person]"
    grant: "Optional[Grant]"
    granted: "Optional[Granted]"
    id: "str"
    joined: "int"
    justification: "Optional[str]"
    listed: "List[Listed]"
    notes: "List[Note]"
    nudges: "Nudges"
    offline_code: "str"
    origin: "Literal[\"endpoint\", \"portal\", \"resubmit\", \"behalf\", \"offline\"]"
    previous_id: "Optional[str]"
    priority: "Priority"
    questions: "List[Question]"
    queue: "Optional[Queue]"
    requested: "Window"
    reviews: "List[Review]"
    rules: "List[str]"
    state: "Literal[\"pending\", \"approved\", \"available\", \"active\", \"ended\", \"expired\", \"revoked\", \"denied\", \"cancelled\"]"
    subject: "Subject"
    submitted_at: "Optional[str]"
    ticket: "Optional[str]"
    user: "RequestUser"


class _OrderRights(TypedDict):
    comment: "str"


class OrderRights(_OrderRights, total=False):
    rights: "List[str]"


class _OrderRightsByLabel(TypedDict):
    comment: "str"
    labels: "Dict[str, str]"


class OrderRightsByLabel(_OrderRightsByLabel, total=False):
    rights: "List[str]"


class _Pack(TypedDict):
    name: "str"
    rules: "List[Rule]"
    state: "Literal[\"off\", \"observe\", \"ask\", \"enforce\"]"
    title: "str"
    version: "int"
    yaml: "str"


class Pack(_Pack, total=False):
    proposal: "Proposal"


class PackName(TypedDict):
    name: "str"
    state: "Literal[\"off\", \"observe\", \"ask\", \"enforce\"]"


class Passkey(TypedDict):
    blocked: "bool"
    created_at: "str"
    id: "str"
    last_used_at: "Optional[str]"
    name: "str"


class PasskeyAnswer(TypedDict):
    ceremony: "str"
    credential: "Dict[str, Any]"


class PasskeyLogin(TypedDict, total=False):
    login: "str"


class Pause(TypedDict):
    comment: "str"
    created_at: "str"
    created_by: "str"
    ended_at: "Optional[str]"
    ended_by: "str"
    endpoint_id: "str"
    id: "str"
    labels: "Dict[str, str]"
    state: "Literal[\"active\", \"ended\"]"
    until: "str"


class _PauseEndpoint(TypedDict):
    comment: "str"


class PauseEndpoint(_PauseEndpoint, total=False):
    duration_seconds: "int"
    until: "str"


class Person(TypedDict):
    id: "str"
    login: "str"
    name: "str"


class _Policies(TypedDict):
    changed_at: "Optional[str]"
    changed_by: "str"
    items: "List[Policy]"
    reach: "List[PolicyReach]"
    total: "int"
    total_is_lower_bound: "bool"
    version: "int"


class Policies(_Policies, total=False):
    next_cursor: "str"


class _Policy(TypedDict):
    name: "str"


class Policy(_Policy, total=False):
    authorization_rights: "Dict[str, str]"
    break_glass: "str"
    budget: "PolicyBudget"
    confirm: "Literal[\"none\", \"password\", \"passkey\"]"
    labels: "Dict[str, str]"
    mask: "List[str]"
    mechanisms: "Dict[str, str]"
    mode: "Literal[\"off\", \"observe\", \"ask\"]"
    offline: "PolicyOffline"
    presets: "List[str]"
    reason_min: "int"
    words: "PolicyWords"


class PolicyBudget(TypedDict, total=False):
    cooldown_seconds: "int"
    per_day_seconds: "int"
    renewals: "int"


class PolicyOffline(TypedDict, total=False):
    codes: "bool"
    rules: "bool"


class PolicyReach(TypedDict):
    endpoints: "int"
    names: "List[str]"
    policy: "str"


class PolicyWords(TypedDict, total=False):
    company: "str"
    help: "str"
    language: "Literal[\"en\", \"de\"]"
    link: "str"


class PreviewTemplate(TypedDict, total=False):
    body: "str"
    kind: "str"
    template: "str"


class Priority(TypedDict):
    set_by: "Optional[str]"
    value: "Literal[\"low\", \"normal\", \"high\", \"urgent\"]"


class _Problem(TypedDict):
    code: "str"
    detail: "str"
    status: "int"
    title: "str"


class Problem(_Problem, total=False):
    decision: "Decision"
    errors: "List[FieldError]"
    type: "str"


class _Proposal(TypedDict):
    base: "int"
    decided_at: "Optional[str]"
    decided_by: "str"
    id: "str"
    proposed_at: "str"
    proposed_by: "str"
    state: "Literal[\"open\", \"confirmed\", \"rejected\"]"
    what: "str"
    why: "str"


class Proposal(_Proposal, total=False):
    acknowledged: "bool"
    added: "List[str]"
    changed: "List[str]"
    comment: "str"
    diff: "str"
    removed: "List[str]"
    yaml: "str"


class Provider(TypedDict):
    allowed_domains: "List[str]"
    callback_url: "str"
    client_id: "str"
    create_accounts: "bool"
    created_at: "str"
    enabled: "bool"
    groups: "List[GroupRoles]"
    groups_claim: "str"
    id: "str"
    issuer: "str"
    link: "ProviderLink"
    name: "str"
    scopes: "List[str]"
    secret_set: "bool"


class ProviderLink(TypedDict):
    directory: "str"
    uid_claim: "str"
    user_claim: "str"


class Publisher(TypedDict):
    name: "str"
    thumbprint: "str"


class _PutPolicies(TypedDict):
    items: "List[Policy]"


class PutPolicies(_PutPolicies, total=False):
    version: "int"


class Question(TypedDict):
    answer: "Optional[str]"
    answered_at: "Optional[str]"
    at: "str"
    by: "Person"
    text: "str"


class Queue(TypedDict):
    can_answer: "List[str]"
    can_answer_from: "Optional[str]"
    position: "Optional[int]"
    usual_wait_seconds: "Optional[int]"


class Quota(TypedDict):
    cooldown_seconds: "int"
    pending_per_endpoint: "int"
    pending_per_user: "int"


class QuotaPatch(TypedDict, total=False):
    cooldown_seconds: "int"
    pending_per_endpoint: "int"
    pending_per_user: "int"


class Replay(TypedDict):
    changed: "int"
    changes: "List[ReplayChange]"
    days: "int"
    human_denied: "int"
    minutes_saved: "int"
    newly_approved: "int"
    newly_asked: "int"
    newly_denied: "int"
    observed: "int"
    observed_approved: "int"
    observed_asked: "int"
    observed_denied: "int"
    requests: "int"
    truncated: "bool"


ReplayChange = TypedDict(
    "ReplayChange",
    {
        "at": "str",
        "endpoint": "str",
        "from": "str",
        "request_id": "str",
        "to": "str",
        "what": "str",
        "who": "str",
        "why": "str",
    },
    total=True,
)


class _ReplayRules(TypedDict):
    yaml: "str"


class ReplayRules(_ReplayRules, total=False):
    days: "int"


class Report(TypedDict):
    columns: "List[str]"
    name: "str"
    notes: "List[str]"
    rows: "List[Optional[List[str]]]"
    since: "str"
    title: "str"
    truncated: "bool"
    until: "str"


class ReportInfo(TypedDict):
    name: "str"
    title: "str"


class Request(TypedDict):
    access_type: "Literal[\"run\", \"session\", \"admin\"]"
    account: "Optional[Target]"
    after_review: "Optional[AfterReview]"
    approvals: "Approvals"
    caution: "List[Caution]"
    changes: "List[Change]"
    claim: "Optional[Claim]"
    confirming: "Optional[Confirming]"
    decision: "Optional[Decision]"
    delivery: "Literal[\"none\", \"waiting\", \"activating\", \"delivered\", \"revoking\", \"confirmed\"]"
    emergency: "bool"
    end_reason: "Optional[str]"
    endpoint: "EndpointRef"
    escalations: "List[Escalation]"
    expires_at: "Optional[str]"
    extends_id: "Optional[str]"
    filed_by: "Optional[Person]"
    grant: "Optional[Grant]"
    granted: "Optional[Granted]"
    id: "str"
    joined: "int"
    justification: "Optional[str]"
    listed: "List[Listed]"
    notes: "List[Note]"
    nudges: "Nudges"
    origin: "Literal[\"endpoint\", \"portal\", \"resubmit\", \"behalf\", \"offline\"]"
    previous_id: "Optional[str]"
    priority: "Priority"
    questions: "List[Question]"
    queue: "Optional[Queue]"
    requested: "Window"
    reviews: "List[Review]"
    rules: "List[str]"
    state: "Literal[\"pending\", \"approved\", \"available\", \"active\", \"ended\", \"expired\", \"revoked\", \"denied\", \"cancelled\"]"
    subject: "Subject"
    submitted_at: "Optional[str]"
    ticket: "Optional[str]"
    user: "RequestUser"


class RequestGroup(TypedDict):
    by: "Literal[\"program\", \"publisher\", \"user\", \"endpoint\"]"
    count: "int"
    key: "str"
    name: "str"
    oldest_at: "str"
    sample: "Request"


class RequestUser(TypedDict):
    account: "Optional[Person]"
    display: "Optional[str]"
    groups: "List[str]"
    name: "str"
    uid: "str"


class Retention(TypedDict):
    arguments_days: "int"
    reasons_days: "int"


class RetentionPatch(TypedDict, total=False):
    arguments_days: "int"
    reasons_days: "int"


class Review(TypedDict):
    at: "str"
    by: "Person"
    comment: "Optional[str]"
    duration_seconds: "Optional[int]"
    start: "Optional[str]"
    verdict: "Literal[\"approved\", \"denied\"]"


class Revoked(TypedDict):
    requests: "List[str]"


class RightsOrder(TypedDict):
    action: "Literal[\"take_over\", \"give_back\"]"
    at: "str"
    by: "str"
    comment: "str"
    endpoint: "str"
    id: "str"
    rights: "List[str]"


class _Rollback(TypedDict):
    version: "int"


class Rollback(_Rollback, total=False):
    acknowledge_denied: "bool"


class RootKey(TypedDict):
    id: "str"
    public: "str"


class _Rule(TypedDict):
    id: "str"
    message: "Dict[str, str]"
    mode: "Literal[\"enforce\", \"observe\"]"
    pack: "str"
    precedence: "int"
    terms: "List[str]"
    then: "Literal[\"approve\", \"deny\", \"require\"]"
    what: "str"
    when: "str"
    yaml: "str"


class Rule(_Rule, total=False):
    proposal: "Proposal"
    warnings: "List[Fault]"


class RuleCheck(TypedDict):
    faults: "List[Fault]"
    ok: "bool"


class RuleDiff(TypedDict):
    added: "List[str]"
    against: "int"
    applied_at: "str"
    applied_by: "str"
    changed: "List[str]"
    comment: "str"
    diff: "str"
    removed: "List[str]"
    version: "int"
    yaml: "str"


class RuleDraft(TypedDict):
    diff: "str"
    faults: "List[Fault]"
    fields: "Dict[str, Any]"
    name: "str"
    ok: "bool"
    stored: "str"
    terms: "List[str]"
    version: "int"
    what: "str"
    whole: "str"
    yaml: "str"


class RuleHits(TypedDict):
    approved: "int"
    asked: "int"
    denied: "int"
    last_at: "Optional[str]"
    rule: "str"
    would_approve: "int"
    would_deny: "int"


class RuleText(TypedDict):
    yaml: "str"


class RuleVersion(TypedDict):
    added: "List[str]"
    applied_at: "str"
    applied_by: "str"
    changed: "List[str]"
    comment: "str"
    removed: "List[str]"
    version: "int"
    yaml: "str"


class _Ruleset(TypedDict):
    applied_at: "Optional[str]"
    applied_by: "str"
    items: "List[Rule]"
    packs: "List[PackName]"
    total: "int"
    total_is_lower_bound: "bool"
    version: "int"
    warnings: "List[Fault]"
    yaml: "str"


class Ruleset(_Ruleset, total=False):
    next_cursor: "str"
    proposal: "Proposal"


class Seat(TypedDict):
    endpoint: "str"
    user: "str"


class SeenAttempt(TypedDict):
    access_type: "str"
    args: "List[str]"
    at: "str"
    cwd: "str"
    endpoint: "str"
    endpoint_id: "str"
    id: "str"
    kind: "Literal[\"observed\", \"own\", \"break_glass\", \"around\"]"
    mechanism: "str"
    path: "str"
    rule: "str"
    run_as: "str"
    sha256: "str"
    times: "int"
    user: "SeenUser"
    would: "Literal[\"approve\", \"deny\", \"ask\", \"\"]"


class SeenUser(TypedDict):
    name: "str"
    uid: "str"


class Settings(TypedDict):
    admin_cap_seconds: "int"
    admin_seconds: "int"
    beneficiary_check: "bool"
    canned: "List[Canned]"
    emergency: "Emergency"
    four_eyes_accounts: "bool"
    four_eyes_rules: "bool"
    head_start_seconds: "HeadStarts"
    history_days: "int"
    hold_seconds: "int"
    mask_patterns: "List[str]"
    max_requester_priority: "Literal[\"low\", \"normal\", \"high\", \"urgent\"]"
    min_duration_seconds: "int"
    nudge: "Nudge"
    pending_ttl_seconds: "int"
    quota: "Quota"
    require_second_factor: "List[Literal[\"administrator\", \"security_admin\", \"rule_author\", \"approver\", \"auditor\", \"requester\"]]"
    retention: "Retention"
    run_cap_seconds: "int"
    session_seconds: "int"
    show_approvers: "bool"
    step_up_risky: "bool"
    ticket_validator: "TicketValidator"
    time_zone: "str"
    undo_seconds: "int"
    unlinked_risky_approvers: "int"
    use_within_seconds: "int"


class SettingsPatch(TypedDict, total=False):
    admin_cap_seconds: "int"
    admin_seconds: "int"
    beneficiary_check: "bool"
    canned: "List[Canned]"
    emergency: "EmergencyPatch"
    four_eyes_accounts: "bool"
    four_eyes_rules: "bool"
    head_start_seconds: "HeadStartPatch"
    history_days: "int"
    hold_seconds: "int"
    mask_patterns: "List[str]"
    max_requester_priority: "Literal[\"low\", \"normal\", \"high\", \"urgent\"]"
    min_duration_seconds: "int"
    nudge: "NudgePatch"
    pending_ttl_seconds: "int"
    quota: "QuotaPatch"
    require_second_factor: "List[Literal[\"administrator\", \"security_admin\", \"rule_author\", \"approver\", \"auditor\", \"requester\"]]"
    retention: "RetentionPatch"
    run_cap_seconds: "int"
    session_seconds: "int"
    show_approvers: "bool"
    step_up_risky: "bool"
    ticket_validator: "TicketValidatorPatch"
    time_zone: "str"
    undo_seconds: "int"
    unlinked_risky_approvers: "int"
    use_within_seconds: "int"


class SignInPage(TypedDict):
    cluster: "str"
    passkey: "bool"
    password: "bool"
    providers: "List[SignInProvider]"


class SignInProvider(TypedDict):
    id: "str"
    name: "str"


class Stage(TypedDict):
    have: "int"
    name: "str"
    quorum: "int"
    team: "str"


class StandingLastOrder(TypedDict):
    action: "Literal[\"take_over\", \"give_back\"]"
    at: "str"
    by: "str"
    done: "bool"
    done_at: "Optional[str]"
    id: "str"
    why: "str"


class StandingRight(TypedDict):
    all: "bool"
    endpoint: "str"
    fixed: "str"
    group: "str"
    id: "str"
    kind: "Literal[\"sudoers\", \"group\", \"root_group\", \"uid0\", \"polkit\"]"
    name: "str"
    no_password: "bool"
    order: "Optional[StandingLastOrder]"
    seen_at: "str"
    since: "str"
    source: "str"
    taken: "bool"
    text: "str"
    user: "str"


class StepUp(TypedDict, total=False):
    code: "str"
    passkey: "PasskeyAnswer"
    password: "str"


class Subject(TypedDict):
    args: "List[str]"
    cwd: "Optional[str]"
    parent: "Optional[str]"
    path: "str"
    product: "Optional[str]"
    publisher: "Optional[Publisher]"
    run_as: "str"
    sha256: "Optional[str]"
    size: "Optional[int]"
    version: "Optional[str]"


class Suggestion(TypedDict):
    approvals: "int"
    approvers: "List[str]"
    endpoints: "List[str]"
    endpoints_total: "int"
    first_at: "str"
    last_at: "str"
    name: "str"
    observed: "int"
    replay: "Replay"
    request_ids: "List[str]"
    requesters: "List[str]"
    sentence: "str"
    yaml: "str"


class SwitchPack(TypedDict, total=False):
    acknowledge_denied: "bool"
    mode: "Literal[\"observe\", \"ask\", \"enforce\"]"


class TOTPCode(TypedDict):
    code: "str"


class TOTPSecret(TypedDict):
    qr: "List[str]"
    secret: "str"
    uri: "str"


class Target(TypedDict):
    domain: "str"
    name: "str"


class Team(TypedDict):
    automatic: "bool"
    escalate: "List[TeamStep]"
    hours: "str"
    id: "str"
    members: "List[str]"
    name: "str"
    scope: "TeamScopeSeen"
    tz: "str"


class TeamPreview(TypedDict):
    at: "str"
    steps: "List[TeamTurn]"
    team: "str"


class TeamScope(TypedDict, total=False):
    access_types: "List[Literal[\"run\", \"session\", \"admin\"]]"
    labels: "Dict[str, str]"


class TeamScopeSeen(TypedDict):
    access_types: "List[str]"
    labels: "Dict[str, str]"


class TeamSeated(TypedDict):
    login: "str"
    stands_in_for: "Optional[str]"


class TeamStep(TypedDict):
    after_seconds: "int"
    team: "str"


class TeamTurn(TypedDict):
    after_seconds: "int"
    answers_from: "Optional[str]"
    at: "Optional[str]"
    count: "int"
    people: "List[TeamSeated]"
    team: "str"
    team_id: "str"


class TemplatePreview(TypedDict):
    body: "str"
    content_type: "str"


class TicketValidator(TypedDict):
    timeout_seconds: "int"
    url: "str"


class TicketValidatorPatch(TypedDict, total=False):
    timeout_seconds: "int"
    url: "str"


class Timeline(TypedDict):
    items: "List[TimelineItem]"


class TimelineItem(TypedDict):
    at: "str"
    by: "str"
    kind: "str"
    text: "str"


class _Token(TypedDict):
    created_at: "str"
    expires_at: "str"
    id: "str"
    last_used_at: "Optional[str]"
    name: "str"
    scopes: "List[str]"
    user: "str"


class Token(_Token, total=False):
    token: "str"


class TraceLine(TypedDict):
    matched: "bool"
    rule: "str"
    why: "str"


class User(TypedDict):
    created_at: "str"
    disabled_at: "Optional[str]"
    email: "str"
    has_passkey: "bool"
    has_password: "bool"
    has_totp: "bool"
    id: "str"
    login: "str"
    name: "str"
    roles: "List[Literal[\"administrator\", \"security_admin\", \"rule_author\", \"approver\", \"auditor\", \"requester\"]]"
    scope: "Dict[str, str]"
    signed_in_at: "Optional[str]"


class Why(TypedDict, total=False):
    comment: "str"


class Window(TypedDict):
    duration_seconds: "Optional[int]"
    start: "Optional[str]"
