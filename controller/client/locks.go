package client

import (
	"context"
	"net/url"
)

// Why says why a whole endpoint is stopped or released.
type Why struct {
	Comment string `json:"comment,omitempty" maxLength:"2000" example:"the machine is lost" doc:"For whoever asks there, and for the audit log."`
}

// Revoked is what was revoked at once.
type Revoked struct {
	Requests []string `json:"requests" nullable:"false" example:"[\"req_019aa8d2-6f3e-7c41-9d10-3b1f0c5f2a77\"]"`
}

// EditToken changes an API token; what is left out stays. A token never gets more
// than it has, nor longer.
type EditToken struct {
	Name   *string   `json:"name,omitempty" minLength:"1" maxLength:"200" example:"nightly export"`
	Scopes *[]string `json:"scopes,omitempty" nullable:"false" minItems:"1" maxItems:"16" enum:"requests.read,requests.decide,rules,endpoints,users,audit.read,metrics,scim" doc:"Some of those that it has; any but scim, while it has none named."`
}

// LockEndpoint lets nothing new be elevated on an endpoint and revokes what was
// granted there.
func (c *Client) LockEndpoint(ctx context.Context, id, comment string) (Endpoint, error) {
	return Post[Endpoint](ctx, c, "/endpoints/"+url.PathEscape(id)+"/lock", Why{Comment: comment})
}

// UnlockEndpoint ends the lock of an endpoint.
func (c *Client) UnlockEndpoint(ctx context.Context, id, comment string) (Endpoint, error) {
	return Post[Endpoint](ctx, c, "/endpoints/"+url.PathEscape(id)+"/unlock", Why{Comment: comment})
}

// RevokeGrants revokes everything that is granted on an endpoint.
func (c *Client) RevokeGrants(ctx context.Context, id, comment string) (Revoked, error) {
	return Post[Revoked](ctx, c, "/endpoints/"+url.PathEscape(id)+"/revoke-grants", Why{Comment: comment})
}
