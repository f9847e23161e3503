# Written by controller/cmd/pysdk from the OpenAPI document; do not edit.
"""A method for every operation of the REST interface."""

from typing import Any, Dict, Iterator, List, Literal, Optional, Union, cast

from . import types
from ._transport import Transport, place


class Operations(Transport):
    """Every operation, named as in the reference. None leaves a value out."""

    def access_delete(self, id: str) -> None:
        """End an answer that lasts."""
        self.call("DELETE", f"/access/{place(id)}")

    def access_list(self, *, limit: Optional[int] = None, cursor: Optional[str] = None, q: Optional[str] = None, sort: Optional[Literal["newest"]] = None, mine: Optional[bool] = None) -> types.ListAccess:
        """List answers that last."""
        return cast("types.ListAccess", self.call("GET", "/access", query={"limit": limit, "cursor": cursor, "q": q, "sort": sort, "mine": mine}))

    def access_list_all(self, *, limit: Optional[int] = None, q: Optional[str] = None, sort: Optional[Literal["newest"]] = None, mine: Optional[bool] = None) -> Iterator[types.Access]:
        """List answers that last: every item, page after page."""
        cursor: Optional[str] = None
        while True:
            page = self.access_list(limit=limit, q=q, sort=sort, mine=mine, cursor=cursor)
            yield from page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def alert_add(self, *, channels: List[str], events: List[str], name: str, digest_seconds: Optional[int] = None, enabled: Optional[bool] = None, filter: Optional[types.AlertFilter] = None, mandatory: Optional[bool] = None, recipients: Optional[types.AlertRecipients] = None, idempotency_key: Optional[str] = None) -> types.Alert:
        """Tell somebody of something."""
        return cast("types.Alert", self.call("POST", "/alerts", body={"channels": channels, "digest_seconds": digest_seconds, "enabled": enabled, "events": events, "filter": filter, "mandatory": mandatory, "name": name, "recipients": recipients}, idempotency_key=idempotency_key))

    def alert_delete(self, id: str) -> None:
        """Delete an alert."""
        self.call("DELETE", f"/alerts/{place(id)}")

    def alert_edit(self, id: str, *, channels: Optional[List[str]] = None, digest_seconds: Optional[int] = None, enabled: Optional[bool] = None, events: Optional[List[str]] = None, filter: Optional[types.AlertFilter] = None, mandatory: Optional[bool] = None, name: Optional[str] = None, recipients: Optional[types.AlertRecipients] = None) -> types.Alert:
        """Change an alert; what is left out stays."""
        return cast("types.Alert", self.call("PUT", f"/alerts/{place(id)}", body={"channels": channels, "digest_seconds": digest_seconds, "enabled": enabled, "events": events, "filter": filter, "mandatory": mandatory, "name": name, "recipients": recipients}))

    def alert_list(self, *, limit: Optional[int] = None, cursor: Optional[str] = None, q: Optional[str] = None, sort: Optional[Literal["newest"]] = None) -> types.ListAlert:
        """List what is told to whom."""
        return cast("types.ListAlert", self.call("GET", "/alerts", query={"limit": limit, "cursor": cursor, "q": q, "sort": sort}))

    def alert_list_all(self, *, limit: Optional[int] = None, q: Optional[str] = None, sort: Optional[Literal["newest"]] = None) -> Iterator[types.Alert]:
        """List what is told to whom: every item, page after page."""
        cursor: Optional[str] = None
        while True:
            page = self.alert_list(limit=limit, q=q, sort=sort, cursor=cursor)
            yield from page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def alert_view(self, id: str) -> types.Alert:
        """See one alert."""
        return cast("types.Alert", self.call("GET", f"/alerts/{place(id)}"))

    def attempt_list(self, *, limit: Optional[int] = None, cursor: Optional[str] = None, endpoint: Optional[str] = None, user: Optional[str] = None, kind: Optional[Literal["observed", "own", "break_glass", "around"]] = None, since: Optional[str] = None, labels: Optional[str] = None) -> types.ListSeenAttempt:
        """What endpoints let go on without a question."""
        return cast("types.ListSeenAttempt", self.call("GET", "/attempts", query={"limit": limit, "cursor": cursor, "endpoint": endpoint, "user": user, "kind": kind, "since": since, "labels": labels}))

    def attempt_list_all(self, *, limit: Optional[int] = None, endpoint: Optional[str] = None, user: Optional[str] = None, kind: Optional[Literal["observed", "own", "break_glass", "around"]] = None, since: Optional[str] = None, labels: Optional[str] = None) -> Iterator[types.SeenAttempt]:
        """What endpoints let go on without a question: every item, page after page."""
        cursor: Optional[str] = None
        while True:
            page = self.attempt_list(limit=limit, endpoint=endpoint, user=user, kind=kind, since=since, labels=labels, cursor=cursor)
            yield from page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def audit_checkpoint(self) -> types.Checkpoint:
        """The newest signed statement about the whole log."""
        return cast("types.Checkpoint", self.call("GET", "/audit/checkpoint"))

    def audit_export(self, *, as_: Optional[Literal["json", "cef", "ocsf", "syslog"]] = None, kind: Optional[str] = None) -> bytes:
        """A zip for assentctl audit verify --offline, or with as one event a line."""
        return self.download("GET", "/audit/export", query={"as": as_, "kind": kind})

    def audit_list(self, *, after: Optional[int] = None, limit: Optional[int] = None, kind: Optional[str] = None, request: Optional[str] = None, sort: Optional[Literal["newest"]] = None, before: Optional[int] = None, until: Optional[str] = None, actor: Optional[str] = None, q: Optional[str] = None) -> types.AuditPage:
        """Read the audit log, ascending or the newest first."""
        return cast("types.AuditPage", self.call("GET", "/audit", query={"after": after, "limit": limit, "kind": kind, "request": request, "sort": sort, "before": before, "until": until, "actor": actor, "q": q}))

    def audit_proof(self, event: str) -> types.EventProof:
        """Prove that one event is in the signed log."""
        return cast("types.EventProof", self.call("GET", f"/audit/proof/{place(event)}"))

    def canned_texts(self) -> types.CannedTexts:
        """Texts for questions and denials that the caller can choose from."""
        return cast("types.CannedTexts", self.call("GET", "/canned"))

    def channel_add(self, *, config: types.ChannelConfig, kind: Literal["webhook", "email", "sms", "syslog"], name: str, enabled: Optional[bool] = None, idempotency_key: Optional[str] = None) -> types.Channel:
        """Make a channel."""
        return cast("types.Channel", self.call("POST", "/channels", body={"config": config, "enabled": enabled, "kind": kind, "name": name}, idempotency_key=idempotency_key))

    def channel_delete(self, id: str) -> None:
        """Delete a channel that no alert names."""
        self.call("DELETE", f"/channels/{place(id)}")

    def channel_edit(self, id: str, *, config: Optional[types.ChannelConfig] = None, enabled: Optional[bool] = None, kind: Optional[Literal["webhook", "email", "sms", "syslog"]] = None, name: Optional[str] = None) -> types.Channel:
        """Change a channel; what is left out stays."""
        return cast("types.Channel", self.call("PUT", f"/channels/{place(id)}", body={"config": config, "enabled": enabled, "kind": kind, "name": name}))

    def channel_list(self, *, limit: Optional[int] = None, cursor: Optional[str] = None, q: Optional[str] = None, sort: Optional[Literal["newest"]] = None) -> types.ListChannel:
        """List ways to tell people and systems."""
        return cast("types.ListChannel", self.call("GET", "/channels", query={"limit": limit, "cursor": cursor, "q": q, "sort": sort}))

    def channel_list_all(self, *, limit: Optional[int] = None, q: Optional[str] = None, sort: Optional[Literal["newest"]] = None) -> Iterator[types.Channel]:
        """List ways to tell people and systems: every item, page after page."""
        cursor: Optional[str] = None
        while True:
            page = self.channel_list(limit=limit, q=q, sort=sort, cursor=cursor)
            yield from page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def channel_preview(self, *, body: Optional[str] = None, kind: Optional[str] = None, template: Optional[str] = None, idempotency_key: Optional[str] = None) -> types.TemplatePreview:
        """See what a template makes of an example."""
        return cast("types.TemplatePreview", self.call("POST", "/channels/preview", body={"body": body, "kind": kind, "template": template}, idempotency_key=idempotency_key))

    def channel_test(self, id: str, *, idempotency_key: Optional[str] = None) -> types.ChannelTest:
        """Send a message through a channel now."""
        return cast("types.ChannelTest", self.call("POST", f"/channels/{place(id)}/test", idempotency_key=idempotency_key))

    def channel_view(self, id: str) -> types.Channel:
        """See one channel, without its secrets."""
        return cast("types.Channel", self.call("GET", f"/channels/{place(id)}"))

    def counts(self, *, mine: Optional[bool] = None) -> types.Counts:
        """Numbers of requests by status."""
        return cast("types.Counts", self.call("GET", "/counts", query={"mine": mine}))

    def delegation_add(self, *, delegate: str, until: str, from_: Optional[str] = None, user: Optional[str] = None, idempotency_key: Optional[str] = None) -> types.Delegation:
        """Let somebody answer in one's place for a while."""
        return cast("types.Delegation", self.call("POST", "/delegations", body={"delegate": delegate, "from": from_, "until": until, "user": user}, idempotency_key=idempotency_key))

    def delegation_delete(self, id: str) -> None:
        """End a delegation."""
        self.call("DELETE", f"/delegations/{place(id)}")

    def delegation_edit(self, id: str, *, delegate: Optional[str] = None, from_: Optional[str] = None, until: Optional[str] = None) -> types.Delegation:
        """Change a delegation; what is left out stays."""
        return cast("types.Delegation", self.call("PUT", f"/delegations/{place(id)}", body={"delegate": delegate, "from": from_, "until": until}))

    def delegation_list(self, *, limit: Optional[int] = None, cursor: Optional[str] = None, q: Optional[str] = None, sort: Optional[Literal["newest"]] = None) -> types.ListDelegation:
        """List who stands in for whom."""
        return cast("types.ListDelegation", self.call("GET", "/delegations", query={"limit": limit, "cursor": cursor, "q": q, "sort": sort}))

    def delegation_list_all(self, *, limit: Optional[int] = None, q: Optional[str] = None, sort: Optional[Literal["newest"]] = None) -> Iterator[types.Delegation]:
        """List who stands in for whom: every item, page after page."""
        cursor: Optional[str] = None
        while True:
            page = self.delegation_list(limit=limit, q=q, sort=sort, cursor=cursor)
            yield from page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def delegation_view(self, id: str) -> types.Delegation:
        """See one delegation."""
        return cast("types.Delegation", self.call("GET", f"/delegations/{place(id)}"))

    def delivery_list(self, *, limit: Optional[int] = None, cursor: Optional[str] = None, channel: Optional[str] = None, state: Optional[Literal["waiting", "sent", "failed", "dropped"]] = None, request: Optional[str] = None) -> types.ListDelivery:
        """List what was told or waits to be told, the newest first."""
        return cast("types.ListDelivery", self.call("GET", "/deliveries", query={"limit": limit, "cursor": cursor, "channel": channel, "state": state, "request": request}))

    def delivery_list_all(self, *, limit: Optional[int] = None, channel: Optional[str] = None, state: Optional[Literal["waiting", "sent", "failed", "dropped"]] = None, request: Optional[str] = None) -> Iterator[types.Delivery]:
        """List what was told or waits to be told, the newest first: every item, page after page."""
        cursor: Optional[str] = None
        while True:
            page = self.delivery_list(limit=limit, channel=channel, state=state, request=request, cursor=cursor)
            yield from page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def delivery_retry(self, id: str, *, idempotency_key: Optional[str] = None) -> types.Delivery:
        """Try a delivery again now."""
        return cast("types.Delivery", self.call("POST", f"/deliveries/{place(id)}/retry", idempotency_key=idempotency_key))

    def device_answer(self, user_code: str, *, allow: bool, idempotency_key: Optional[str] = None) -> None:
        """Allow or deny a device: it acts for whoever allows it."""
        self.call("POST", f"/sessions/device/{place(user_code)}", body={"allow": allow}, idempotency_key=idempotency_key)

    def device_ask(self, *, name: str) -> types.DeviceCodes:
        """Begin the sign-in of a device."""
        return cast("types.DeviceCodes", self.call("POST", "/sessions/device", body={"name": name}))

    def device_claim(self, *, device_code: str) -> types.DeviceToken:
        """Ask whether the device was allowed; its token, once."""
        return cast("types.DeviceToken", self.call("POST", "/sessions/device/token", body={"device_code": device_code}))

    def device_view(self, user_code: str) -> types.DeviceAsked:
        """See the device that waits with a code."""
        return cast("types.DeviceAsked", self.call("GET", f"/sessions/device/{place(user_code)}"))

    def directory_edit(self, *, adopt_accounts: Optional[bool] = None, groups: Optional[List[types.DirectoryMapping]] = None) -> types.Directory:
        """Say what the groups of the directory mean; what is left out stays."""
        return cast("types.Directory", self.call("PUT", "/directory", body={"adopt_accounts": adopt_accounts, "groups": groups}))

    def directory_view(self) -> types.Directory:
        """See what the groups of the directory mean."""
        return cast("types.Directory", self.call("GET", "/directory"))

    def endpoint_delete(self, id: str) -> None:
        """Delete an endpoint and ban its key."""
        self.call("DELETE", f"/endpoints/{place(id)}")

    def endpoint_edit(self, id: str, *, labels: Optional[Dict[str, str]] = None) -> types.Endpoint:
        """Change an endpoint's labels; routing, scopes and policies follow."""
        return cast("types.Endpoint", self.call("PATCH", f"/endpoints/{place(id)}", body={"labels": labels}))

    def endpoint_give_back(self, id: str, *, comment: str, rights: Optional[List[str]] = None, idempotency_key: Optional[str] = None) -> types.RightsOrder:
        """Put standing rights back that were taken over."""
        return cast("types.RightsOrder", self.call("POST", f"/endpoints/{place(id)}/give-back", body={"comment": comment, "rights": rights}, idempotency_key=idempotency_key))

    def endpoint_list(self, *, limit: Optional[int] = None, cursor: Optional[str] = None, name: Optional[str] = None, q: Optional[str] = None, labels: Optional[str] = None, mode: Optional[Literal["off", "observe", "ask"]] = None, state: Optional[Literal["online", "away", "locked", "quarantined", "paused", "old"]] = None) -> types.ListEndpoint:
        """List endpoints."""
        return cast("types.ListEndpoint", self.call("GET", "/endpoints", query={"limit": limit, "cursor": cursor, "name": name, "q": q, "labels": labels, "mode": mode, "state": state}))

    def endpoint_list_all(self, *, limit: Optional[int] = None, name: Optional[str] = None, q: Optional[str] = None, labels: Optional[str] = None, mode: Optional[Literal["off", "observe", "ask"]] = None, state: Optional[Literal["online", "away", "locked", "quarantined", "paused", "old"]] = None) -> Iterator[types.Endpoint]:
        """List endpoints: every item, page after page."""
        cursor: Optional[str] = None
        while True:
            page = self.endpoint_list(limit=limit, name=name, q=q, labels=labels, mode=mode, state=state, cursor=cursor)
            yield from page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def endpoint_lock(self, id: str, *, comment: Optional[str] = None, idempotency_key: Optional[str] = None) -> types.Endpoint:
        """Let nothing new be elevated on an endpoint, and revoke what was granted there."""
        return cast("types.Endpoint", self.call("POST", f"/endpoints/{place(id)}/lock", body={"comment": comment}, idempotency_key=idempotency_key))

    def endpoint_pause(self, id: str, *, comment: str, duration_seconds: Optional[int] = None, until: Optional[str] = None, idempotency_key: Optional[str] = None) -> types.Pause:
        """Let one endpoint only observe for a while."""
        return cast("types.Pause", self.call("POST", f"/endpoints/{place(id)}/pause", body={"comment": comment, "duration_seconds": duration_seconds, "until": until}, idempotency_key=idempotency_key))

    def endpoint_revoke_grants(self, id: str, *, comment: Optional[str] = None, idempotency_key: Optional[str] = None) -> types.Revoked:
        """Revoke everything that is granted on an endpoint."""
        return cast("types.Revoked", self.call("POST", f"/endpoints/{place(id)}/revoke-grants", body={"comment": comment}, idempotency_key=idempotency_key))

    def endpoint_take_over(self, id: str, *, comment: str, rights: Optional[List[str]] = None, idempotency_key: Optional[str] = None) -> types.RightsOrder:
        """Remove standing rights, and keep what is needed to give them back."""
        return cast("types.RightsOrder", self.call("POST", f"/endpoints/{place(id)}/take-over", body={"comment": comment, "rights": rights}, idempotency_key=idempotency_key))

    def endpoint_unlock(self, id: str, *, comment: Optional[str] = None, idempotency_key: Optional[str] = None) -> types.Endpoint:
        """End the lock of an endpoint."""
        return cast("types.Endpoint", self.call("POST", f"/endpoints/{place(id)}/unlock", body={"comment": comment}, idempotency_key=idempotency_key))

    def endpoint_view(self, id: str) -> types.Endpoint:
        """See one endpoint."""
        return cast("types.Endpoint", self.call("GET", f"/endpoints/{place(id)}"))

    def enrollment_token_add(self, *, accept_labels: Optional[List[str]] = None, labels: Optional[Dict[str, str]] = None, max_uses: Optional[int] = None, mode: Optional[Literal["observe", "ask"]] = None, ttl_seconds: Optional[int] = None, idempotency_key: Optional[str] = None) -> types.EnrollToken:
        """Make an enrolment token."""
        return cast("types.EnrollToken", self.call("POST", "/enrollment-tokens", body={"accept_labels": accept_labels, "labels": labels, "max_uses": max_uses, "mode": mode, "ttl_seconds": ttl_seconds}, idempotency_key=idempotency_key))

    def enrollment_token_delete(self, id: str) -> None:
        """Withdraw an enrolment token."""
        self.call("DELETE", f"/enrollment-tokens/{place(id)}")

    def enrollment_token_list(self, *, limit: Optional[int] = None, cursor: Optional[str] = None, q: Optional[str] = None, sort: Optional[Literal["newest"]] = None) -> types.ListEnrollToken:
        """List enrolment tokens."""
        return cast("types.ListEnrollToken", self.call("GET", "/enrollment-tokens", query={"limit": limit, "cursor": cursor, "q": q, "sort": sort}))

    def enrollment_token_list_all(self, *, limit: Optional[int] = None, q: Optional[str] = None, sort: Optional[Literal["newest"]] = None) -> Iterator[types.EnrollToken]:
        """List enrolment tokens: every item, page after page."""
        cursor: Optional[str] = None
        while True:
            page = self.enrollment_token_list(limit=limit, q=q, sort=sort, cursor=cursor)
            yield from page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def factors(self) -> types.Factors:
        """See one's own passkeys and authenticator."""
        return cast("types.Factors", self.call("GET", "/me/factors"))

    def hook_add(self, *, kind: Literal["note", "ticket"], name: str, idempotency_key: Optional[str] = None) -> types.Hook:
        """Make a way in for another system."""
        return cast("types.Hook", self.call("POST", "/hooks", body={"kind": kind, "name": name}, idempotency_key=idempotency_key))

    def hook_call(self, id: str, *, request: Optional[str] = None, state: Optional[str] = None, text: Optional[str] = None, ticket: Optional[str] = None) -> types.HookHeard:
        """Say something about requests, signed by the hook's secret; it never decides."""
        return cast("types.HookHeard", self.call("POST", f"/hooks/{place(id)}", body={"request": request, "state": state, "text": text, "ticket": ticket}))

    def hook_delete(self, id: str) -> None:
        """Delete a hook."""
        self.call("DELETE", f"/hooks/{place(id)}")

    def hook_list(self, *, limit: Optional[int] = None, cursor: Optional[str] = None, q: Optional[str] = None, sort: Optional[Literal["newest"]] = None) -> types.ListHook:
        """List ways in for other systems."""
        return cast("types.ListHook", self.call("GET", "/hooks", query={"limit": limit, "cursor": cursor, "q": q, "sort": sort}))

    def hook_list_all(self, *, limit: Optional[int] = None, q: Optional[str] = None, sort: Optional[Literal["newest"]] = None) -> Iterator[types.Hook]:
        """List ways in for other systems: every item, page after page."""
        cursor: Optional[str] = None
        while True:
            page = self.hook_list(limit=limit, q=q, sort=sort, cursor=cursor)
            yield from page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def link_add(self, *, account: str, directory: Optional[str] = None, endpoint: Optional[str] = None, uid: Optional[str] = None, user: Optional[str] = None, idempotency_key: Optional[str] = None) -> types.Link:
        """Tie an account to a user of an endpoint."""
        return cast("types.Link", self.call("POST", "/links", body={"account": account, "directory": directory, "endpoint": endpoint, "uid": uid, "user": user}, idempotency_key=idempotency_key))

    def link_delete(self, id: str) -> None:
        """Free an account from a user."""
        self.call("DELETE", f"/links/{place(id)}")

    def link_edit(self, id: str, *, account: Optional[str] = None, directory: Optional[str] = None, endpoint: Optional[str] = None, uid: Optional[str] = None, user: Optional[str] = None) -> types.Link:
        """Change a link; what is left out stays."""
        return cast("types.Link", self.call("PUT", f"/links/{place(id)}", body={"account": account, "directory": directory, "endpoint": endpoint, "uid": uid, "user": user}))

    def link_list(self, *, limit: Optional[int] = None, cursor: Optional[str] = None, q: Optional[str] = None, sort: Optional[Literal["newest"]] = None) -> types.ListLink:
        """List which accounts are which users of endpoints."""
        return cast("types.ListLink", self.call("GET", "/links", query={"limit": limit, "cursor": cursor, "q": q, "sort": sort}))

    def link_list_all(self, *, limit: Optional[int] = None, q: Optional[str] = None, sort: Optional[Literal["newest"]] = None) -> Iterator[types.Link]:
        """List which accounts are which users of endpoints: every item, page after page."""
        cursor: Optional[str] = None
        while True:
            page = self.link_list(limit=limit, q=q, sort=sort, cursor=cursor)
            yield from page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def link_view(self, id: str) -> types.Link:
        """See one link."""
        return cast("types.Link", self.call("GET", f"/links/{place(id)}"))

    def live_list(self, *, limit: Optional[int] = None, cursor: Optional[str] = None, q: Optional[str] = None, sort: Optional[str] = None) -> types.Listing:
        """What runs now."""
        return cast("types.Listing", self.call("GET", "/live", query={"limit": limit, "cursor": cursor, "q": q, "sort": sort}))

    def live_list_all(self, *, limit: Optional[int] = None, q: Optional[str] = None, sort: Optional[str] = None) -> Iterator[Any]:
        """What runs now: every item, page after page."""
        cursor: Optional[str] = None
        while True:
            page = self.live_list(limit=limit, q=q, sort=sort, cursor=cursor)
            yield from page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def live_terminate(self, id: str, *, comment: Optional[str] = None, duration_seconds: Optional[int] = None, lasts: Optional[str] = None, note: Optional[str] = None, priority: Optional[Literal["low", "normal", "high", "urgent"]] = None, start: Optional[str] = None, team: Optional[str] = None, idempotency_key: Optional[str] = None) -> types.Request:
        """End what runs."""
        return cast("types.Request", self.call("POST", f"/live/{place(id)}/terminate", body={"comment": comment, "duration_seconds": duration_seconds, "lasts": lasts, "note": note, "priority": priority, "start": start, "team": team}, idempotency_key=idempotency_key))

    def me(self) -> types.Me:
        """Who the caller is."""
        return cast("types.Me", self.call("GET", "/me"))

    def my_settings(self) -> types.MySettings:
        """See one's own settings."""
        return cast("types.MySettings", self.call("GET", "/me/settings"))

    def my_settings_edit(self, *, buttons: Optional[List[str]] = None, columns: Optional[Dict[str, Optional[List[str]]]] = None, density: Optional[Literal["comfortable", "compact"]] = None, keys: Optional[Dict[str, str]] = None, notify: Optional[types.EditMyNotify] = None, views: Optional[List[types.MyView]] = None) -> types.MySettings:
        """Change one's own settings; what is left out stays."""
        return cast("types.MySettings", self.call("PUT", "/me/settings", body={"buttons": buttons, "columns": columns, "density": density, "keys": keys, "notify": notify, "views": views}))

    def pack_disable(self, name: str, *, acknowledge_denied: Optional[bool] = None, idempotency_key: Optional[str] = None) -> types.Pack:
        """Switch a pack off."""
        return cast("types.Pack", self.call("POST", f"/packs/{place(name)}/disable", query={"acknowledge_denied": acknowledge_denied}, idempotency_key=idempotency_key))

    def pack_enable(self, name: str, *, acknowledge_denied: Optional[bool] = None, mode: Optional[Literal["observe", "ask", "enforce"]] = None, idempotency_key: Optional[str] = None) -> types.Pack:
        """Put a pack in force."""
        return cast("types.Pack", self.call("POST", f"/packs/{place(name)}/enable", body={"acknowledge_denied": acknowledge_denied, "mode": mode}, idempotency_key=idempotency_key))

    def pack_list(self, *, limit: Optional[int] = None, cursor: Optional[str] = None, q: Optional[str] = None) -> types.ListPack:
        """Starter packs of rules."""
        return cast("types.ListPack", self.call("GET", "/packs", query={"limit": limit, "cursor": cursor, "q": q}))

    def pack_list_all(self, *, limit: Optional[int] = None, q: Optional[str] = None) -> Iterator[types.Pack]:
        """Starter packs of rules: every item, page after page."""
        cursor: Optional[str] = None
        while True:
            page = self.pack_list(limit=limit, q=q, cursor=cursor)
            yield from page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def passkey_add(self, *, ceremony: str, credential: Dict[str, Any], name: str, idempotency_key: Optional[str] = None) -> types.Passkey:
        """Add a passkey; other sessions end."""
        return cast("types.Passkey", self.call("POST", "/me/passkeys", body={"ceremony": ceremony, "credential": credential, "name": name}, idempotency_key=idempotency_key))

    def passkey_begin(self, *, idempotency_key: Optional[str] = None) -> types.Ceremony:
        """Begin to add a passkey."""
        return cast("types.Ceremony", self.call("POST", "/me/passkeys/begin", idempotency_key=idempotency_key))

    def passkey_delete(self, id: str) -> None:
        """Remove one's own passkey."""
        self.call("DELETE", f"/me/passkeys/{place(id)}")

    def password(self, *, password: str, current: Optional[str] = None) -> None:
        """Choose one's own password; sessions end."""
        self.call("PUT", "/me/password", body={"current": current, "password": password})

    def pause_add(self, *, comment: str, duration_seconds: Optional[int] = None, labels: Optional[Dict[str, str]] = None, until: Optional[str] = None, idempotency_key: Optional[str] = None) -> types.Pause:
        """Let endpoints with some labels, or all, only observe for a while."""
        return cast("types.Pause", self.call("POST", "/pauses", body={"comment": comment, "duration_seconds": duration_seconds, "labels": labels, "until": until}, idempotency_key=idempotency_key))

    def pause_end(self, id: str) -> None:
        """End a pause before its time."""
        self.call("DELETE", f"/pauses/{place(id)}")

    def pause_list(self, *, limit: Optional[int] = None, cursor: Optional[str] = None, q: Optional[str] = None, sort: Optional[Literal["newest"]] = None, active: Optional[bool] = None) -> types.ListPause:
        """Which endpoints only observe for a while."""
        return cast("types.ListPause", self.call("GET", "/pauses", query={"limit": limit, "cursor": cursor, "q": q, "sort": sort, "active": active}))

    def pause_list_all(self, *, limit: Optional[int] = None, q: Optional[str] = None, sort: Optional[Literal["newest"]] = None, active: Optional[bool] = None) -> Iterator[types.Pause]:
        """Which endpoints only observe for a while: every item, page after page."""
        cursor: Optional[str] = None
        while True:
            page = self.pause_list(limit=limit, q=q, sort=sort, active=active, cursor=cursor)
            yield from page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def policy_edit(self, *, items: List[types.Policy], version: Optional[int] = None) -> types.Policies:
        """Replace the whole ordered list."""
        return cast("types.Policies", self.call("PUT", "/policies", body={"items": items, "version": version}))

    def policy_list(self, *, limit: Optional[int] = None, cursor: Optional[str] = None, q: Optional[str] = None) -> types.Policies:
        """What endpoints do, by label: the first that fits counts."""
        return cast("types.Policies", self.call("GET", "/policies", query={"limit": limit, "cursor": cursor, "q": q}))

    def policy_list_all(self, *, limit: Optional[int] = None, q: Optional[str] = None) -> Iterator[types.Policy]:
        """What endpoints do, by label: the first that fits counts: every item, page after page."""
        cursor: Optional[str] = None
        while True:
            page = self.policy_list(limit=limit, q=q, cursor=cursor)
            yield from page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def proposal_confirm(self, id: str, *, idempotency_key: Optional[str] = None) -> types.Ruleset:
        """Put a proposed change in force, as the second person."""
        return cast("types.Ruleset", self.call("POST", f"/rules/proposals/{place(id)}/confirm", idempotency_key=idempotency_key))

    def proposal_list(self, *, all: Optional[bool] = None) -> types.ListProposal:
        """Changes of the rules that wait for a second person."""
        return cast("types.ListProposal", self.call("GET", "/rules/proposals", query={"all": all}))

    def proposal_reject(self, id: str, *, idempotency_key: Optional[str] = None) -> types.Proposal:
        """End a proposed change."""
        return cast("types.Proposal", self.call("POST", f"/rules/proposals/{place(id)}/reject", idempotency_key=idempotency_key))

    def proposal_view(self, id: str) -> types.Proposal:
        """One of them, with what it changes."""
        return cast("types.Proposal", self.call("GET", f"/rules/proposals/{place(id)}"))

    def provider_add(self, *, client_id: str, issuer: str, name: str, allowed_domains: Optional[List[str]] = None, client_secret: Optional[str] = None, create_accounts: Optional[bool] = None, enabled: Optional[bool] = None, groups: Optional[List[types.GroupRoles]] = None, groups_claim: Optional[str] = None, link: Optional[types.ProviderLink] = None, scopes: Optional[List[str]] = None, idempotency_key: Optional[str] = None) -> types.Provider:
        """Let an identity provider recognise people."""
        return cast("types.Provider", self.call("POST", "/identity-providers", body={"allowed_domains": allowed_domains, "client_id": client_id, "client_secret": client_secret, "create_accounts": create_accounts, "enabled": enabled, "groups": groups, "groups_claim": groups_claim, "issuer": issuer, "link": link, "name": name, "scopes": scopes}, idempotency_key=idempotency_key))

    def provider_delete(self, id: str) -> None:
        """Delete an identity provider; what its groups gave is taken away."""
        self.call("DELETE", f"/identity-providers/{place(id)}")

    def provider_edit(self, id: str, *, allowed_domains: Optional[List[str]] = None, client_id: Optional[str] = None, client_secret: Optional[str] = None, create_accounts: Optional[bool] = None, enabled: Optional[bool] = None, groups: Optional[List[types.GroupRoles]] = None, groups_claim: Optional[str] = None, issuer: Optional[str] = None, link: Optional[types.ProviderLink] = None, name: Optional[str] = None, scopes: Optional[List[str]] = None) -> types.Provider:
        """Change an identity provider; what is left out stays."""
        return cast("types.Provider", self.call("PUT", f"/identity-providers/{place(id)}", body={"allowed_domains": allowed_domains, "client_id": client_id, "client_secret": client_secret, "create_accounts": create_accounts, "enabled": enabled, "groups": groups, "groups_claim": groups_claim, "issuer": issuer, "link": link, "name": name, "scopes": scopes}))

    def provider_list(self, *, limit: Optional[int] = None, cursor: Optional[str] = None, q: Optional[str] = None, sort: Optional[Literal["newest"]] = None) -> types.ListProvider:
        """List identity providers."""
        return cast("types.ListProvider", self.call("GET", "/identity-providers", query={"limit": limit, "cursor": cursor, "q": q, "sort": sort}))

    def provider_list_all(self, *, limit: Optional[int] = None, q: Optional[str] = None, sort: Optional[Literal["newest"]] = None) -> Iterator[types.Provider]:
        """List identity providers: every item, page after page."""
        cursor: Optional[str] = None
        while True:
            page = self.provider_list(limit=limit, q=q, sort=sort, cursor=cursor)
            yield from page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def provider_view(self, id: str) -> types.Provider:
        """See one identity provider."""
        return cast("types.Provider", self.call("GET", f"/identity-providers/{place(id)}"))

    def report_list(self, *, limit: Optional[int] = None, cursor: Optional[str] = None, q: Optional[str] = None) -> types.ListReportInfo:
        """The reports there are."""
        return cast("types.ListReportInfo", self.call("GET", "/reports", query={"limit": limit, "cursor": cursor, "q": q}))

    def report_list_all(self, *, limit: Optional[int] = None, q: Optional[str] = None) -> Iterator[types.ReportInfo]:
        """The reports there are: every item, page after page."""
        cursor: Optional[str] = None
        while True:
            page = self.report_list(limit=limit, q=q, cursor=cursor)
            yield from page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def report_view(self, name: str, *, since: Optional[str] = None, labels: Optional[str] = None, until: Optional[str] = None) -> types.Report:
        """Make one report."""
        return cast("types.Report", self.call("GET", f"/reports/{place(name)}", query={"since": since, "labels": labels, "until": until}))

    def request_after_review(self, id: str, *, comment: Optional[str] = None, duration_seconds: Optional[int] = None, lasts: Optional[str] = None, note: Optional[str] = None, priority: Optional[Literal["low", "normal", "high", "urgent"]] = None, start: Optional[str] = None, team: Optional[str] = None, idempotency_key: Optional[str] = None) -> types.Request:
        """Review a request after its use."""
        return cast("types.Request", self.call("POST", f"/requests/{place(id)}/after-review", body={"comment": comment, "duration_seconds": duration_seconds, "lasts": lasts, "note": note, "priority": priority, "start": start, "team": team}, idempotency_key=idempotency_key))

    def request_answer(self, id: str, *, comment: Optional[str] = None, duration_seconds: Optional[int] = None, lasts: Optional[str] = None, note: Optional[str] = None, priority: Optional[Literal["low", "normal", "high", "urgent"]] = None, start: Optional[str] = None, team: Optional[str] = None, idempotency_key: Optional[str] = None) -> types.Request:
        """Answer the question about one's own request."""
        return cast("types.Request", self.call("POST", f"/requests/{place(id)}/answer", body={"comment": comment, "duration_seconds": duration_seconds, "lasts": lasts, "note": note, "priority": priority, "start": start, "team": team}, idempotency_key=idempotency_key))

    def request_approve(self, id: str, *, comment: Optional[str] = None, duration_seconds: Optional[int] = None, lasts: Optional[str] = None, note: Optional[str] = None, priority: Optional[Literal["low", "normal", "high", "urgent"]] = None, start: Optional[str] = None, team: Optional[str] = None, idempotency_key: Optional[str] = None) -> types.Request:
        """Approve a request."""
        return cast("types.Request", self.call("POST", f"/requests/{place(id)}/approve", body={"comment": comment, "duration_seconds": duration_seconds, "lasts": lasts, "note": note, "priority": priority, "start": start, "team": team}, idempotency_key=idempotency_key))

    def request_ask(self, id: str, *, comment: Optional[str] = None, duration_seconds: Optional[int] = None, lasts: Optional[str] = None, note: Optional[str] = None, priority: Optional[Literal["low", "normal", "high", "urgent"]] = None, start: Optional[str] = None, team: Optional[str] = None, idempotency_key: Optional[str] = None) -> types.Request:
        """Ask the requester something; the comment is the question, a note alone asks nothing."""
        return cast("types.Request", self.call("POST", f"/requests/{place(id)}/ask", body={"comment": comment, "duration_seconds": duration_seconds, "lasts": lasts, "note": note, "priority": priority, "start": start, "team": team}, idempotency_key=idempotency_key))

    def request_batch(self, *, action: Literal["approve", "deny", "ask", "undo", "revoke", "cancel", "check-in", "remove", "claim", "nudge", "escalate", "prioritize", "after-review"], comment: Optional[str] = None, duration_seconds: Optional[int] = None, group: Optional[types.GroupKey] = None, ids: Optional[List[str]] = None, lasts: Optional[str] = None, note: Optional[str] = None, priority: Optional[Literal["low", "normal", "high", "urgent"]] = None, start: Optional[str] = None, team: Optional[str] = None, idempotency_key: Optional[str] = None) -> types.BatchResults:
        """Do one thing to several requests, or to a whole group, each on its own."""
        return cast("types.BatchResults", self.call("POST", "/requests/batch", body={"action": action, "comment": comment, "duration_seconds": duration_seconds, "group": group, "ids": ids, "lasts": lasts, "note": note, "priority": priority, "start": start, "team": team}, idempotency_key=idempotency_key))

    def request_by_code(self, *, code: str, idempotency_key: Optional[str] = None) -> types.Request:
        """Find the request that waits and has this short code."""
        return cast("types.Request", self.call("POST", "/requests/by-code", body={"code": code}, idempotency_key=idempotency_key))

    def request_cancel(self, id: str, *, comment: Optional[str] = None, duration_seconds: Optional[int] = None, lasts: Optional[str] = None, note: Optional[str] = None, priority: Optional[Literal["low", "normal", "high", "urgent"]] = None, start: Optional[str] = None, team: Optional[str] = None, idempotency_key: Optional[str] = None) -> types.Request:
        """Withdraw one's own request."""
        return cast("types.Request", self.call("POST", f"/requests/{place(id)}/cancel", body={"comment": comment, "duration_seconds": duration_seconds, "lasts": lasts, "note": note, "priority": priority, "start": start, "team": team}, idempotency_key=idempotency_key))

    def request_check_in(self, id: str, *, comment: Optional[str] = None, duration_seconds: Optional[int] = None, lasts: Optional[str] = None, note: Optional[str] = None, priority: Optional[Literal["low", "normal", "high", "urgent"]] = None, start: Optional[str] = None, team: Optional[str] = None, idempotency_key: Optional[str] = None) -> types.Request:
        """Give back what is in use."""
        return cast("types.Request", self.call("POST", f"/requests/{place(id)}/check-in", body={"comment": comment, "duration_seconds": duration_seconds, "lasts": lasts, "note": note, "priority": priority, "start": start, "team": team}, idempotency_key=idempotency_key))

    def request_claim(self, id: str, *, comment: Optional[str] = None, duration_seconds: Optional[int] = None, lasts: Optional[str] = None, note: Optional[str] = None, priority: Optional[Literal["low", "normal", "high", "urgent"]] = None, start: Optional[str] = None, team: Optional[str] = None, idempotency_key: Optional[str] = None) -> types.Request:
        """Say that one looks at it, for ten minutes."""
        return cast("types.Request", self.call("POST", f"/requests/{place(id)}/claim", body={"comment": comment, "duration_seconds": duration_seconds, "lasts": lasts, "note": note, "priority": priority, "start": start, "team": team}, idempotency_key=idempotency_key))

    def request_confirm(self, id: str, *, comment: Optional[str] = None, duration_seconds: Optional[int] = None, lasts: Optional[str] = None, note: Optional[str] = None, priority: Optional[Literal["low", "normal", "high", "urgent"]] = None, start: Optional[str] = None, team: Optional[str] = None, idempotency_key: Optional[str] = None) -> types.Request:
        """Confirm with one's passkey what one's endpoint is about to run."""
        return cast("types.Request", self.call("POST", f"/requests/{place(id)}/confirm", body={"comment": comment, "duration_seconds": duration_seconds, "lasts": lasts, "note": note, "priority": priority, "start": start, "team": team}, idempotency_key=idempotency_key))

    def request_deny(self, id: str, *, comment: Optional[str] = None, duration_seconds: Optional[int] = None, lasts: Optional[str] = None, note: Optional[str] = None, priority: Optional[Literal["low", "normal", "high", "urgent"]] = None, start: Optional[str] = None, team: Optional[str] = None, idempotency_key: Optional[str] = None) -> types.Request:
        """Deny a request."""
        return cast("types.Request", self.call("POST", f"/requests/{place(id)}/deny", body={"comment": comment, "duration_seconds": duration_seconds, "lasts": lasts, "note": note, "priority": priority, "start": start, "team": team}, idempotency_key=idempotency_key))

    def request_escalate(self, id: str, *, comment: Optional[str] = None, duration_seconds: Optional[int] = None, lasts: Optional[str] = None, note: Optional[str] = None, priority: Optional[Literal["low", "normal", "high", "urgent"]] = None, start: Optional[str] = None, team: Optional[str] = None, idempotency_key: Optional[str] = None) -> types.Request:
        """Let one more team answer: the next on the ladder, or the named one."""
        return cast("types.Request", self.call("POST", f"/requests/{place(id)}/escalate", body={"comment": comment, "duration_seconds": duration_seconds, "lasts": lasts, "note": note, "priority": priority, "start": start, "team": team}, idempotency_key=idempotency_key))

    def request_explain(self, id: str) -> types.Explanation:
        """See why rules answered as they did."""
        return cast("types.Explanation", self.call("GET", f"/requests/{place(id)}/explain"))

    def request_extend(self, id: str, *, comment: Optional[str] = None, duration_seconds: Optional[int] = None, new_id: Optional[str] = None, justification: Optional[str] = None, priority: Optional[Literal["low", "normal", "high", "urgent"]] = None, start: Optional[str] = None, ticket: Optional[str] = None, idempotency_key: Optional[str] = None) -> types.Request:
        """Ask for more time of what is in use; the answer is the new request."""
        return cast("types.Request", self.call("POST", f"/requests/{place(id)}/extend", body={"comment": comment, "duration_seconds": duration_seconds, "id": new_id, "justification": justification, "priority": priority, "start": start, "ticket": ticket}, idempotency_key=idempotency_key))

    def request_list(self, *, status: Optional[str] = None, group_by: Optional[Literal["program", "publisher", "user", "endpoint"]] = None, access_type: Optional[str] = None, endpoint: Optional[str] = None, user: Optional[str] = None, team: Optional[str] = None, program: Optional[str] = None, publisher: Optional[str] = None, priority: Optional[str] = None, since: Optional[str] = None, mine: Optional[bool] = None, q: Optional[str] = None, sort: Optional[str] = None, limit: Optional[int] = None, cursor: Optional[str] = None, skip: Optional[int] = None) -> types.Listing:
        """List requests."""
        return cast("types.Listing", self.call("GET", "/requests", query={"status": status, "group_by": group_by, "access_type": access_type, "endpoint": endpoint, "user": user, "team": team, "program": program, "publisher": publisher, "priority": priority, "since": since, "mine": mine, "q": q, "sort": sort, "limit": limit, "cursor": cursor, "skip": skip}))

    def request_list_all(self, *, status: Optional[str] = None, group_by: Optional[Literal["program", "publisher", "user", "endpoint"]] = None, access_type: Optional[str] = None, endpoint: Optional[str] = None, user: Optional[str] = None, team: Optional[str] = None, program: Optional[str] = None, publisher: Optional[str] = None, priority: Optional[str] = None, since: Optional[str] = None, mine: Optional[bool] = None, q: Optional[str] = None, sort: Optional[str] = None, limit: Optional[int] = None, skip: Optional[int] = None) -> Iterator[Any]:
        """List requests: every item, page after page."""
        cursor: Optional[str] = None
        while True:
            page = self.request_list(status=status, group_by=group_by, access_type=access_type, endpoint=endpoint, user=user, team=team, program=program, publisher=publisher, priority=priority, since=since, mine=mine, q=q, sort=sort, limit=limit, skip=skip, cursor=cursor)
            yield from page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def request_new(self, *, access_type: Literal["run", "session", "admin"], endpoint: str, justification: str, duration_seconds: Optional[int] = None, emergency: Optional[bool] = None, for_user: Optional[str] = None, from_request: Optional[str] = None, id: Optional[str] = None, priority: Optional[Literal["low", "normal", "high", "urgent"]] = None, start: Optional[str] = None, ticket: Optional[str] = None, idempotency_key: Optional[str] = None) -> types.Request:
        """Ask for access."""
        return cast("types.Request", self.call("POST", "/requests", body={"access_type": access_type, "duration_seconds": duration_seconds, "emergency": emergency, "endpoint": endpoint, "for_user": for_user, "from_request": from_request, "id": id, "justification": justification, "priority": priority, "start": start, "ticket": ticket}, idempotency_key=idempotency_key))

    def request_nudge(self, id: str, *, comment: Optional[str] = None, duration_seconds: Optional[int] = None, lasts: Optional[str] = None, note: Optional[str] = None, priority: Optional[Literal["low", "normal", "high", "urgent"]] = None, start: Optional[str] = None, team: Optional[str] = None, idempotency_key: Optional[str] = None) -> types.Request:
        """Remind of one's own request."""
        return cast("types.Request", self.call("POST", f"/requests/{place(id)}/nudge", body={"comment": comment, "duration_seconds": duration_seconds, "lasts": lasts, "note": note, "priority": priority, "start": start, "team": team}, idempotency_key=idempotency_key))

    def request_offline_code(self, id: str, *, code: str, command: Optional[str] = None, comment: Optional[str] = None, duration_seconds: Optional[int] = None, endpoint: Optional[str] = None, user: Optional[str] = None, idempotency_key: Optional[str] = None) -> types.OfflineCodeTold:
        """Approve by a code that is read to somebody whose machine can not reach the controller; id new for a request that never arrived."""
        return cast("types.OfflineCodeTold", self.call("POST", f"/requests/{place(id)}/offline-code", body={"code": code, "command": command, "comment": comment, "duration_seconds": duration_seconds, "endpoint": endpoint, "user": user}, idempotency_key=idempotency_key))

    def request_prioritize(self, id: str, *, comment: Optional[str] = None, duration_seconds: Optional[int] = None, lasts: Optional[str] = None, note: Optional[str] = None, priority: Optional[Literal["low", "normal", "high", "urgent"]] = None, start: Optional[str] = None, team: Optional[str] = None, idempotency_key: Optional[str] = None) -> types.Request:
        """Change the place in the queue."""
        return cast("types.Request", self.call("POST", f"/requests/{place(id)}/prioritize", body={"comment": comment, "duration_seconds": duration_seconds, "lasts": lasts, "note": note, "priority": priority, "start": start, "team": team}, idempotency_key=idempotency_key))

    def request_proof(self, id: str) -> types.Evidence:
        """Everything that proves what happened to a request."""
        return cast("types.Evidence", self.call("GET", f"/requests/{place(id)}/proof"))

    def request_remove(self, id: str, *, comment: Optional[str] = None, duration_seconds: Optional[int] = None, lasts: Optional[str] = None, note: Optional[str] = None, priority: Optional[Literal["low", "normal", "high", "urgent"]] = None, start: Optional[str] = None, team: Optional[str] = None, idempotency_key: Optional[str] = None) -> types.Request:
        """Take a request off a list."""
        return cast("types.Request", self.call("POST", f"/requests/{place(id)}/remove", body={"comment": comment, "duration_seconds": duration_seconds, "lasts": lasts, "note": note, "priority": priority, "start": start, "team": team}, idempotency_key=idempotency_key))

    def request_resubmit(self, id: str, *, comment: Optional[str] = None, duration_seconds: Optional[int] = None, new_id: Optional[str] = None, justification: Optional[str] = None, priority: Optional[Literal["low", "normal", "high", "urgent"]] = None, start: Optional[str] = None, ticket: Optional[str] = None, idempotency_key: Optional[str] = None) -> types.Request:
        """Ask again for what is over; the answer is the new request."""
        return cast("types.Request", self.call("POST", f"/requests/{place(id)}/resubmit", body={"comment": comment, "duration_seconds": duration_seconds, "id": new_id, "justification": justification, "priority": priority, "start": start, "ticket": ticket}, idempotency_key=idempotency_key))

    def request_revoke(self, id: str, *, comment: Optional[str] = None, duration_seconds: Optional[int] = None, lasts: Optional[str] = None, note: Optional[str] = None, priority: Optional[Literal["low", "normal", "high", "urgent"]] = None, start: Optional[str] = None, team: Optional[str] = None, idempotency_key: Optional[str] = None) -> types.Request:
        """End what was granted."""
        return cast("types.Request", self.call("POST", f"/requests/{place(id)}/revoke", body={"comment": comment, "duration_seconds": duration_seconds, "lasts": lasts, "note": note, "priority": priority, "start": start, "team": team}, idempotency_key=idempotency_key))

    def request_rule(self, id: str) -> types.MadeRule:
        """The narrowest rule that would have approved this request."""
        return cast("types.MadeRule", self.call("GET", f"/requests/{place(id)}/rule"))

    def request_timeline(self, id: str) -> types.Timeline:
        """See what happened to a request."""
        return cast("types.Timeline", self.call("GET", f"/requests/{place(id)}/timeline"))

    def request_undo(self, id: str, *, comment: Optional[str] = None, duration_seconds: Optional[int] = None, lasts: Optional[str] = None, note: Optional[str] = None, priority: Optional[Literal["low", "normal", "high", "urgent"]] = None, start: Optional[str] = None, team: Optional[str] = None, idempotency_key: Optional[str] = None) -> types.Request:
        """Take one's own answer back while it is held."""
        return cast("types.Request", self.call("POST", f"/requests/{place(id)}/undo", body={"comment": comment, "duration_seconds": duration_seconds, "lasts": lasts, "note": note, "priority": priority, "start": start, "team": team}, idempotency_key=idempotency_key))

    def request_view(self, id: str) -> types.Request:
        """See one request."""
        return cast("types.Request", self.call("GET", f"/requests/{place(id)}"))

    def rule_add(self, *, acknowledge_denied: Optional[bool] = None, mode: Optional[Literal["enforce", "observe"]] = None, yaml: Optional[str] = None, idempotency_key: Optional[str] = None) -> types.Rule:
        """Add one rule; the others stay as they are written."""
        return cast("types.Rule", self.call("POST", "/rules", body={"acknowledge_denied": acknowledge_denied, "mode": mode, "yaml": yaml}, idempotency_key=idempotency_key))

    def rule_apply(self, *, yaml: str, acknowledge_denied: Optional[bool] = None, base: Optional[int] = None, comment: Optional[str] = None, merge: Optional[bool] = None, idempotency_key: Optional[str] = None) -> types.Ruleset:
        """Put rules in force."""
        return cast("types.Ruleset", self.call("POST", "/rules/apply", body={"acknowledge_denied": acknowledge_denied, "base": base, "comment": comment, "merge": merge, "yaml": yaml}, idempotency_key=idempotency_key))

    def rule_check(self, *, yaml: str, idempotency_key: Optional[str] = None) -> types.RuleCheck:
        """Find faults in rules and run their tests."""
        return cast("types.RuleCheck", self.call("POST", "/rules/check", body={"yaml": yaml}, idempotency_key=idempotency_key))

    def rule_delete(self, id: str, *, acknowledge_denied: Optional[bool] = None) -> None:
        """Remove one rule."""
        self.call("DELETE", f"/rules/{place(id)}", query={"acknowledge_denied": acknowledge_denied})

    def rule_draft(self, *, fields: Optional[Dict[str, Any]] = None, rule: Optional[str] = None, yaml: Optional[str] = None, idempotency_key: Optional[str] = None) -> types.RuleDraft:
        """One rule as text and as fields, and all rules with it."""
        return cast("types.RuleDraft", self.call("POST", "/rules/draft", body={"fields": fields, "rule": rule, "yaml": yaml}, idempotency_key=idempotency_key))

    def rule_edit(self, id: str, *, acknowledge_denied: Optional[bool] = None, mode: Optional[Literal["enforce", "observe"]] = None, yaml: Optional[str] = None) -> types.Rule:
        """Change one rule, or whether it enforces or observes."""
        return cast("types.Rule", self.call("PUT", f"/rules/{place(id)}", body={"acknowledge_denied": acknowledge_denied, "mode": mode, "yaml": yaml}))

    def rule_evaluate(self, *, attempt: Optional[types.EvaluateAttempt] = None, request_id: Optional[str] = None, rule: Optional[str] = None, idempotency_key: Optional[str] = None) -> types.Explanation:
        """What the rules say of a request or an attempt."""
        return cast("types.Explanation", self.call("POST", "/rules/evaluate", body={"attempt": attempt, "request_id": request_id, "rule": rule}, idempotency_key=idempotency_key))

    def rule_hits(self, *, days: Optional[int] = None) -> types.ListRuleHits:
        """How often each rule counted."""
        return cast("types.ListRuleHits", self.call("GET", "/rules/hits", query={"days": days}))

    def rule_list(self, *, limit: Optional[int] = None, cursor: Optional[str] = None, q: Optional[str] = None) -> types.Ruleset:
        """The rules in force."""
        return cast("types.Ruleset", self.call("GET", "/rules", query={"limit": limit, "cursor": cursor, "q": q}))

    def rule_list_all(self, *, limit: Optional[int] = None, q: Optional[str] = None) -> Iterator[types.Rule]:
        """The rules in force: every item, page after page."""
        cursor: Optional[str] = None
        while True:
            page = self.rule_list(limit=limit, q=q, cursor=cursor)
            yield from page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def rule_replay(self, *, yaml: str, days: Optional[int] = None, idempotency_key: Optional[str] = None) -> types.Replay:
        """What a whole set of rules would have answered."""
        return cast("types.Replay", self.call("POST", "/rules/replay", body={"days": days, "yaml": yaml}, idempotency_key=idempotency_key))

    def rule_rollback(self, *, version: int, acknowledge_denied: Optional[bool] = None, idempotency_key: Optional[str] = None) -> types.Ruleset:
        """Put an earlier version in force again, as a new one."""
        return cast("types.Ruleset", self.call("POST", "/rules/rollback", body={"acknowledge_denied": acknowledge_denied, "version": version}, idempotency_key=idempotency_key))

    def rule_suggestions(self, *, limit: Optional[int] = None, cursor: Optional[str] = None, q: Optional[str] = None, days: Optional[int] = None) -> types.ListSuggestion:
        """Rules that people's answers suggest."""
        return cast("types.ListSuggestion", self.call("GET", "/rules/suggestions", query={"limit": limit, "cursor": cursor, "q": q, "days": days}))

    def rule_suggestions_all(self, *, limit: Optional[int] = None, q: Optional[str] = None, days: Optional[int] = None) -> Iterator[types.Suggestion]:
        """Rules that people's answers suggest: every item, page after page."""
        cursor: Optional[str] = None
        while True:
            page = self.rule_suggestions(limit=limit, q=q, days=days, cursor=cursor)
            yield from page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def rule_version(self, version: str, *, against: Optional[int] = None) -> types.RuleDiff:
        """One version of the rules, and what differs from another."""
        return cast("types.RuleDiff", self.call("GET", f"/rules/versions/{place(version)}", query={"against": against}))

    def rule_versions(self, *, limit: Optional[int] = None, cursor: Optional[str] = None, q: Optional[str] = None) -> types.ListRuleVersion:
        """Earlier rules, newest first."""
        return cast("types.ListRuleVersion", self.call("GET", "/rules/versions", query={"limit": limit, "cursor": cursor, "q": q}))

    def rule_versions_all(self, *, limit: Optional[int] = None, q: Optional[str] = None) -> Iterator[types.RuleVersion]:
        """Earlier rules, newest first: every item, page after page."""
        cursor: Optional[str] = None
        while True:
            page = self.rule_versions(limit=limit, q=q, cursor=cursor)
            yield from page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def rule_view(self, id: str) -> types.Rule:
        """One rule in force."""
        return cast("types.Rule", self.call("GET", f"/rules/{place(id)}"))

    def settings_edit(self, *, admin_cap_seconds: Optional[int] = None, admin_seconds: Optional[int] = None, beneficiary_check: Optional[bool] = None, canned: Optional[List[types.Canned]] = None, emergency: Optional[types.EmergencyPatch] = None, four_eyes_accounts: Optional[bool] = None, four_eyes_rules: Optional[bool] = None, head_start_seconds: Optional[types.HeadStartPatch] = None, history_days: Optional[int] = None, hold_seconds: Optional[int] = None, mask_patterns: Optional[List[str]] = None, max_requester_priority: Optional[Literal["low", "normal", "high", "urgent"]] = None, min_duration_seconds: Optional[int] = None, nudge: Optional[types.NudgePatch] = None, pending_ttl_seconds: Optional[int] = None, quota: Optional[types.QuotaPatch] = None, require_second_factor: Optional[List[Literal["administrator", "security_admin", "rule_author", "approver", "auditor", "requester"]]] = None, retention: Optional[types.RetentionPatch] = None, run_cap_seconds: Optional[int] = None, session_seconds: Optional[int] = None, show_approvers: Optional[bool] = None, step_up_risky: Optional[bool] = None, ticket_validator: Optional[types.TicketValidatorPatch] = None, time_zone: Optional[str] = None, undo_seconds: Optional[int] = None, unlinked_risky_approvers: Optional[int] = None, use_within_seconds: Optional[int] = None) -> types.Settings:
        """Change settings; what is left out stays."""
        return cast("types.Settings", self.call("PUT", "/settings", body={"admin_cap_seconds": admin_cap_seconds, "admin_seconds": admin_seconds, "beneficiary_check": beneficiary_check, "canned": canned, "emergency": emergency, "four_eyes_accounts": four_eyes_accounts, "four_eyes_rules": four_eyes_rules, "head_start_seconds": head_start_seconds, "history_days": history_days, "hold_seconds": hold_seconds, "mask_patterns": mask_patterns, "max_requester_priority": max_requester_priority, "min_duration_seconds": min_duration_seconds, "nudge": nudge, "pending_ttl_seconds": pending_ttl_seconds, "quota": quota, "require_second_factor": require_second_factor, "retention": retention, "run_cap_seconds": run_cap_seconds, "session_seconds": session_seconds, "show_approvers": show_approvers, "step_up_risky": step_up_risky, "ticket_validator": ticket_validator, "time_zone": time_zone, "undo_seconds": undo_seconds, "unlinked_risky_approvers": unlinked_risky_approvers, "use_within_seconds": use_within_seconds}))

    def settings_view(self) -> types.Settings:
        """See the settings."""
        return cast("types.Settings", self.call("GET", "/settings"))

    def sign_in(self, *, code: Optional[str] = None, link: Optional[str] = None, login: Optional[str] = None, passkey: Optional[types.PasskeyAnswer] = None, password: Optional[str] = None) -> types.Me:
        """Sign in with a password, a passkey or a one-time link."""
        return cast("types.Me", self.call("POST", "/sessions", body={"code": code, "link": link, "login": login, "passkey": passkey, "password": password}))

    def sign_in_page(self) -> types.SignInPage:
        """What the page for signing in offers."""
        return cast("types.SignInPage", self.call("GET", "/sign-in"))

    def sign_in_passkey(self, *, login: Optional[str] = None) -> types.Ceremony:
        """Begin to sign in with a passkey."""
        return cast("types.Ceremony", self.call("POST", "/sessions/passkey", body={"login": login}))

    def sign_in_provider(self, *, provider: str, return_to: Optional[str] = None) -> types.OIDCRedirect:
        """Begin signing in with an identity provider."""
        return cast("types.OIDCRedirect", self.call("POST", "/sessions/oidc", body={"provider": provider, "return_to": return_to}))

    def sign_out(self) -> None:
        """Sign out."""
        self.call("DELETE", "/sessions")

    def standing_right_give_back(self, *, comment: str, labels: Dict[str, str], rights: Optional[List[str]] = None, idempotency_key: Optional[str] = None) -> types.EndpointResults:
        """Put standing rights back that were taken over, on every endpoint with these labels."""
        return cast("types.EndpointResults", self.call("POST", "/standing-rights/give-back", body={"comment": comment, "labels": labels, "rights": rights}, idempotency_key=idempotency_key))

    def standing_right_list(self, *, limit: Optional[int] = None, cursor: Optional[str] = None, endpoint: Optional[str] = None, user: Optional[str] = None, kind: Optional[Literal["sudoers", "group", "root_group", "uid0", "polkit"]] = None, taken: Optional[Literal["true", "false"]] = None, q: Optional[str] = None, labels: Optional[str] = None) -> types.ListStandingRight:
        """Who can become root without Assent."""
        return cast("types.ListStandingRight", self.call("GET", "/standing-rights", query={"limit": limit, "cursor": cursor, "endpoint": endpoint, "user": user, "kind": kind, "taken": taken, "q": q, "labels": labels}))

    def standing_right_list_all(self, *, limit: Optional[int] = None, endpoint: Optional[str] = None, user: Optional[str] = None, kind: Optional[Literal["sudoers", "group", "root_group", "uid0", "polkit"]] = None, taken: Optional[Literal["true", "false"]] = None, q: Optional[str] = None, labels: Optional[str] = None) -> Iterator[types.StandingRight]:
        """Who can become root without Assent: every item, page after page."""
        cursor: Optional[str] = None
        while True:
            page = self.standing_right_list(limit=limit, endpoint=endpoint, user=user, kind=kind, taken=taken, q=q, labels=labels, cursor=cursor)
            yield from page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def standing_right_take_over(self, *, comment: str, labels: Dict[str, str], rights: Optional[List[str]] = None, idempotency_key: Optional[str] = None) -> types.EndpointResults:
        """Remove standing rights, and keep what is needed to give them back, on every endpoint with these labels."""
        return cast("types.EndpointResults", self.call("POST", "/standing-rights/take-over", body={"comment": comment, "labels": labels, "rights": rights}, idempotency_key=idempotency_key))

    def step_up(self, *, code: Optional[str] = None, passkey: Optional[types.PasskeyAnswer] = None, password: Optional[str] = None, idempotency_key: Optional[str] = None) -> types.Me:
        """Prove presence again: with a passkey once there is one, else with the password."""
        return cast("types.Me", self.call("POST", "/sessions/step-up", body={"code": code, "passkey": passkey, "password": password}, idempotency_key=idempotency_key))

    def step_up_passkey(self, *, idempotency_key: Optional[str] = None) -> types.Ceremony:
        """Begin to prove presence with a passkey."""
        return cast("types.Ceremony", self.call("POST", "/sessions/step-up/passkey", idempotency_key=idempotency_key))

    def team_add(self, *, name: str, escalate: Optional[List[types.TeamStep]] = None, hours: Optional[str] = None, members: Optional[List[str]] = None, scope: Optional[types.TeamScope] = None, tz: Optional[str] = None, idempotency_key: Optional[str] = None) -> types.Team:
        """Make a team."""
        return cast("types.Team", self.call("POST", "/teams", body={"escalate": escalate, "hours": hours, "members": members, "name": name, "scope": scope, "tz": tz}, idempotency_key=idempotency_key))

    def team_delete(self, id: str) -> None:
        """Delete a team that no rule, ladder or waiting request needs."""
        self.call("DELETE", f"/teams/{place(id)}")

    def team_edit(self, id: str, *, escalate: Optional[List[types.TeamStep]] = None, hours: Optional[str] = None, members: Optional[List[str]] = None, name: Optional[str] = None, scope: Optional[types.TeamScope] = None, tz: Optional[str] = None) -> types.Team:
        """Change a team; what is left out stays."""
        return cast("types.Team", self.call("PUT", f"/teams/{place(id)}", body={"escalate": escalate, "hours": hours, "members": members, "name": name, "scope": scope, "tz": tz}))

    def team_list(self, *, limit: Optional[int] = None, cursor: Optional[str] = None, q: Optional[str] = None, sort: Optional[Literal["newest"]] = None) -> types.ListTeam:
        """List teams."""
        return cast("types.ListTeam", self.call("GET", "/teams", query={"limit": limit, "cursor": cursor, "q": q, "sort": sort}))

    def team_list_all(self, *, limit: Optional[int] = None, q: Optional[str] = None, sort: Optional[Literal["newest"]] = None) -> Iterator[types.Team]:
        """List teams: every item, page after page."""
        cursor: Optional[str] = None
        while True:
            page = self.team_list(limit=limit, q=q, sort=sort, cursor=cursor)
            yield from page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def team_preview(self, id: str) -> types.TeamPreview:
        """See who would answer, and when, what is asked of a team now."""
        return cast("types.TeamPreview", self.call("GET", f"/teams/{place(id)}/preview"))

    def team_view(self, id: str) -> types.Team:
        """See one team."""
        return cast("types.Team", self.call("GET", f"/teams/{place(id)}"))

    def token_add(self, *, name: str, scopes: Optional[List[Literal["requests.read", "requests.decide", "rules", "endpoints", "users", "audit.read", "metrics", "scim"]]] = None, ttl_seconds: Optional[int] = None, user: Optional[str] = None, idempotency_key: Optional[str] = None) -> types.Token:
        """Make an API token."""
        return cast("types.Token", self.call("POST", "/tokens", body={"name": name, "scopes": scopes, "ttl_seconds": ttl_seconds, "user": user}, idempotency_key=idempotency_key))

    def token_delete(self, id: str) -> None:
        """Withdraw an API token."""
        self.call("DELETE", f"/tokens/{place(id)}")

    def token_edit(self, id: str, *, name: Optional[str] = None, scopes: Optional[List[Literal["requests.read", "requests.decide", "rules", "endpoints", "users", "audit.read", "metrics", "scim"]]] = None) -> types.Token:
        """Rename an API token or take scopes from it; what is left out stays."""
        return cast("types.Token", self.call("PUT", f"/tokens/{place(id)}", body={"name": name, "scopes": scopes}))

    def token_list(self, *, limit: Optional[int] = None, cursor: Optional[str] = None, q: Optional[str] = None, sort: Optional[Literal["newest"]] = None) -> types.ListToken:
        """List API tokens."""
        return cast("types.ListToken", self.call("GET", "/tokens", query={"limit": limit, "cursor": cursor, "q": q, "sort": sort}))

    def token_list_all(self, *, limit: Optional[int] = None, q: Optional[str] = None, sort: Optional[Literal["newest"]] = None) -> Iterator[types.Token]:
        """List API tokens: every item, page after page."""
        cursor: Optional[str] = None
        while True:
            page = self.token_list(limit=limit, q=q, sort=sort, cursor=cursor)
            yield from page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def token_view(self, id: str) -> types.Token:
        """See one API token, without what it opens."""
        return cast("types.Token", self.call("GET", f"/tokens/{place(id)}"))

    def totp_add(self, *, code: str, idempotency_key: Optional[str] = None) -> types.Factors:
        """Put the authenticator in force with its first code; other sessions end."""
        return cast("types.Factors", self.call("POST", "/me/totp", body={"code": code}, idempotency_key=idempotency_key))

    def totp_begin(self, *, idempotency_key: Optional[str] = None) -> types.TOTPSecret:
        """Begin to add an authenticator."""
        return cast("types.TOTPSecret", self.call("POST", "/me/totp/begin", idempotency_key=idempotency_key))

    def totp_delete(self) -> None:
        """Remove one's own authenticator."""
        self.call("DELETE", "/me/totp")

    def user_add(self, *, login: str, email: Optional[str] = None, name: Optional[str] = None, password: Optional[str] = None, roles: Optional[List[Literal["administrator", "security_admin", "rule_author", "approver", "auditor", "requester"]]] = None, scope: Optional[Dict[str, Any]] = None, idempotency_key: Optional[str] = None) -> types.User:
        """Make an account."""
        return cast("types.User", self.call("POST", "/users", body={"email": email, "login": login, "name": name, "password": password, "roles": roles, "scope": scope}, idempotency_key=idempotency_key))

    def user_delete(self, id: str) -> None:
        """Delete an account."""
        self.call("DELETE", f"/users/{place(id)}")

    def user_edit(self, id: str, *, disabled: Optional[bool] = None, email: Optional[str] = None, name: Optional[str] = None, password: Optional[str] = None, roles: Optional[List[Literal["administrator", "security_admin", "rule_author", "approver", "auditor", "requester"]]] = None, scope: Optional[Dict[str, Any]] = None) -> types.User:
        """Change an account; what is left out stays."""
        return cast("types.User", self.call("PUT", f"/users/{place(id)}", body={"disabled": disabled, "email": email, "name": name, "password": password, "roles": roles, "scope": scope}))

    def user_factors_delete(self, id: str) -> None:
        """Take away the passkeys and the authenticator of somebody who lost them; their sessions end."""
        self.call("DELETE", f"/users/{place(id)}/factors")

    def user_list(self, *, limit: Optional[int] = None, cursor: Optional[str] = None, q: Optional[str] = None, sort: Optional[Literal["newest"]] = None) -> types.ListUser:
        """List accounts."""
        return cast("types.ListUser", self.call("GET", "/users", query={"limit": limit, "cursor": cursor, "q": q, "sort": sort}))

    def user_list_all(self, *, limit: Optional[int] = None, q: Optional[str] = None, sort: Optional[Literal["newest"]] = None) -> Iterator[types.User]:
        """List accounts: every item, page after page."""
        cursor: Optional[str] = None
        while True:
            page = self.user_list(limit=limit, q=q, sort=sort, cursor=cursor)
            yield from page["items"]
            cursor = page.get("next_cursor")
            if not cursor:
                return

    def user_view(self, id: str) -> types.User:
        """See one account."""
        return cast("types.User", self.call("GET", f"/users/{place(id)}"))
