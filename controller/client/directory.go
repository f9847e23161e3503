package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// GroupRoles says which roles being in a group gives.
type GroupRoles struct {
	ID    string   `json:"id" minLength:"1" maxLength:"256" example:"8a1f3c52-6a9e-4d0c-9a55-0f6f8f6f2b11" doc:"The group's stable id, never its name."`
	Roles []string `json:"roles" nullable:"false" maxItems:"16" enum:"administrator,security_admin,rule_author,approver,auditor,requester"`
}

// ProviderLink says which claims of a provider make a strong link between an
// account and the user of a directory's endpoints.
type ProviderLink struct {
	Directory string `json:"directory" maxLength:"256" example:"corp.example" doc:"Empty: none."`
	UserClaim string `json:"user_claim" maxLength:"200" example:"preferred_username"`
	UIDClaim  string `json:"uid_claim" maxLength:"200" example:"onprem_sid"`
}

// NewProvider asks for an identity provider.
type NewProvider struct {
	Name           string        `json:"name" minLength:"1" maxLength:"100" example:"Example ID"`
	Issuer         string        `json:"issuer" minLength:"1" maxLength:"500" example:"https://login.example.com"`
	ClientID       string        `json:"client_id" minLength:"1" maxLength:"256" example:"assent"`
	ClientSecret   string        `json:"client_secret,omitempty" maxLength:"1024" example:"from-the-provider" doc:"Never shown again."`
	Scopes         []string      `json:"scopes,omitempty" nullable:"false" maxItems:"30" example:"[\"openid\",\"email\",\"profile\",\"groups\"]" doc:"Default openid, email, profile."`
	GroupsClaim    string        `json:"groups_claim,omitempty" maxLength:"200" example:"groups" doc:"Default groups."`
	Groups         []GroupRoles  `json:"groups,omitempty" nullable:"false" maxItems:"1000" doc:"With any, whoever is in none of them has no access by this provider."`
	CreateAccounts bool          `json:"create_accounts,omitempty" doc:"Make accounts for strangers with a verified address of an allowed domain."`
	AllowedDomains []string      `json:"allowed_domains,omitempty" nullable:"false" maxItems:"200" example:"[\"example.com\"]" doc:"Domains whose verified e-mail addresses find or make an account; none means neither."`
	Link           *ProviderLink `json:"link,omitempty"`
	Enabled        *bool         `json:"enabled,omitempty" doc:"Default true."`
}

// EditProvider changes an identity provider; what is left out stays.
type EditProvider struct {
	Name           *string       `json:"name,omitempty" minLength:"1" maxLength:"100" example:"Example ID"`
	Issuer         *string       `json:"issuer,omitempty" maxLength:"500" example:"https://login.example.com" doc:"Can not be changed."`
	ClientID       *string       `json:"client_id,omitempty" minLength:"1" maxLength:"256" example:"assent"`
	ClientSecret   *string       `json:"client_secret,omitempty" maxLength:"1024" example:"from-the-provider" doc:"Empty takes it away."`
	Scopes         *[]string     `json:"scopes,omitempty" nullable:"false" maxItems:"30" example:"[\"openid\",\"email\",\"profile\",\"groups\"]"`
	GroupsClaim    *string       `json:"groups_claim,omitempty" maxLength:"200" example:"groups"`
	Groups         *[]GroupRoles `json:"groups,omitempty" nullable:"false" maxItems:"1000" doc:"All of them anew."`
	CreateAccounts *bool         `json:"create_accounts,omitempty"`
	AllowedDomains *[]string     `json:"allowed_domains,omitempty" nullable:"false" maxItems:"200" example:"[\"example.com\"]"`
	Link           *ProviderLink `json:"link,omitempty" doc:"The whole link anew."`
	Enabled        *bool         `json:"enabled,omitempty"`
}

// Provider is an identity provider.
type Provider struct {
	ID             string       `json:"id" example:"idp_019aa8d2-8888-7c41-9d10-3b1f0c5f2a77"`
	Name           string       `json:"name" example:"Example ID"`
	Issuer         string       `json:"issuer" example:"https://login.example.com"`
	ClientID       string       `json:"client_id" example:"assent"`
	SecretSet      bool         `json:"secret_set"`
	Scopes         []string     `json:"scopes" nullable:"false" example:"[\"openid\",\"email\",\"profile\"]"`
	GroupsClaim    string       `json:"groups_claim" example:"groups"`
	Groups         []GroupRoles `json:"groups" nullable:"false"`
	CreateAccounts bool         `json:"create_accounts"`
	AllowedDomains []string     `json:"allowed_domains" nullable:"false" example:"[\"example.com\"]"`
	Link           ProviderLink `json:"link"`
	Enabled        bool         `json:"enabled"`
	CallbackURL    string       `json:"callback_url" example:"https://assent.example.com/auth/oidc/callback" doc:"What the provider must be told to send people back to."`
	CreatedAt      time.Time    `json:"created_at"`
}

// OIDCSignIn begins signing in with an identity provider.
type OIDCSignIn struct {
	Provider string `json:"provider" minLength:"1" maxLength:"64" example:"idp_019aa8d2-8888-7c41-9d10-3b1f0c5f2a77"`
	ReturnTo string `json:"return_to,omitempty" maxLength:"500" example:"#/requests" doc:"A page of the console."`
}

// OIDCRedirect is where to send the browser.
type OIDCRedirect struct {
	URL string `json:"url" example:"https://login.example.com/authorize?client_id=assent"`
}

// DirectoryGroup is a group that the directory has brought.
type DirectoryGroup struct {
	ID         string `json:"id" example:"grp_019aa8d2-9999-7c41-9d10-3b1f0c5f2a77"`
	ExternalID string `json:"external_id" example:"8a1f3c52-6a9e-4d0c-9a55-0f6f8f6f2b11"`
	Name       string `json:"name" example:"Approvers"`
}

// DirectoryMapping is a group of the directory with its roles, named by its id or
// by the directory's own id of it.
type DirectoryMapping struct {
	ID         string   `json:"id,omitempty" maxLength:"256" example:"grp_019aa8d2-9999-7c41-9d10-3b1f0c5f2a77"`
	ExternalID string   `json:"external_id,omitempty" maxLength:"256" example:""`
	Roles      []string `json:"roles" nullable:"false" maxItems:"16" enum:"administrator,security_admin,rule_author,approver,auditor,requester"`
}

// EditDirectory changes what the directory's groups mean; what is left out stays.
type EditDirectory struct {
	Groups        *[]DirectoryMapping `json:"groups,omitempty" nullable:"false" maxItems:"1000" doc:"All of them anew."`
	AdoptAccounts *bool               `json:"adopt_accounts,omitempty" doc:"A user whose userName is the login of an account that is here already becomes that account."`
}

// Directory is what the directory's groups mean, and what it has brought.
type Directory struct {
	Groups        []DirectoryMapping `json:"groups" nullable:"false"`
	AdoptAccounts bool               `json:"adopt_accounts"`
	Users         int64              `json:"users" doc:"How many users the directory has here."`
	Known         []DirectoryGroup   `json:"known" nullable:"false" doc:"The groups that it has brought, at most 500."`
	BaseURL       string             `json:"base_url" example:"https://assent.example.com/scim/v2" doc:"What the directory must be told."`
}

// NewDevice asks for a token for a device or a program.
type NewDevice struct {
	Name string `json:"name" minLength:"1" maxLength:"100" example:"assentctl on ubu-0810"`
}

// DeviceCodes are what a device needs to get its token.
type DeviceCodes struct {
	DeviceCode              string `json:"device_code" example:"GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS1k" doc:"Kept by the device."`
	UserCode                string `json:"user_code" example:"WDJB-MJHT" doc:"For its user to compare or type."`
	VerificationURI         string `json:"verification_uri" example:"https://assent.example.com/#/device"`
	VerificationURIComplete string `json:"verification_uri_complete" example:"https://assent.example.com/#/device?code=WDJB-MJHT"`
	IntervalSeconds         int64  `json:"interval_seconds" example:"5"`
	ExpiresInSeconds        int64  `json:"expires_in_seconds" example:"600"`
}

// DeviceClaim asks whether a device was allowed.
type DeviceClaim struct {
	DeviceCode string `json:"device_code" minLength:"1" maxLength:"128" example:"GmRhmhcxhwAzkoEqiMEg_DnyEysNkuNhszIySk9eS1k"`
}

// DeviceToken is the token of a device that was allowed.
type DeviceToken struct {
	Token     string    `json:"token" example:"ast_…"`
	ExpiresAt time.Time `json:"expires_at"`
	Login     string    `json:"login" example:"bo"`
}

// DeviceAsked is a device that waits for its user.
type DeviceAsked struct {
	Name      string    `json:"name" example:"assentctl on ubu-0810"`
	Address   string    `json:"address" example:"192.0.2.17"`
	CreatedAt time.Time `json:"created_at"`
}

// DeviceAnswer allows or denies a device.
type DeviceAnswer struct {
	Allow bool `json:"allow"`
}

// Providers lists the identity providers.
func (c *Client) Providers(ctx context.Context) ([]Provider, error) {
	return All[Provider](ctx, c, "/identity-providers", nil, 0)
}

// AddProvider makes an identity provider.
func (c *Client) AddProvider(ctx context.Context, in NewProvider) (Provider, error) {
	return Post[Provider](ctx, c, "/identity-providers", in)
}

// EditProvider changes an identity provider.
func (c *Client) EditProvider(ctx context.Context, id string, in EditProvider) (Provider, error) {
	return put[Provider](ctx, c, "/identity-providers/"+url.PathEscape(id), in)
}

// DeleteProvider deletes an identity provider and takes away what it gave.
func (c *Client) DeleteProvider(ctx context.Context, id string) error {
	return c.Call(ctx, http.MethodDelete, "/identity-providers/"+url.PathEscape(id), nil, nil, nil)
}

// Directory reads what the directory's groups mean.
func (c *Client) Directory(ctx context.Context) (Directory, error) {
	return Get[Directory](ctx, c, "/directory", nil)
}

// EditDirectory changes what the directory's groups mean.
func (c *Client) EditDirectory(ctx context.Context, in EditDirectory) (Directory, error) {
	return put[Directory](ctx, c, "/directory", in)
}

// AskDevice begins the sign-in of this device.
func (c *Client) AskDevice(ctx context.Context, name string) (DeviceCodes, error) {
	return Post[DeviceCodes](ctx, c, "/sessions/device", NewDevice{Name: name})
}

// ClaimDevice asks once whether this device was allowed. Until then the code of
// the problem is authorization_pending or slow_down; expired_token and
// access_denied are the end.
func (c *Client) ClaimDevice(ctx context.Context, code string) (DeviceToken, error) {
	return Post[DeviceToken](ctx, c, "/sessions/device/token", DeviceClaim{DeviceCode: code})
}

// Device is the device that waits with this code, for whoever is signed in.
func (c *Client) Device(ctx context.Context, code string) (DeviceAsked, error) {
	return Get[DeviceAsked](ctx, c, "/sessions/device/"+url.PathEscape(code), nil)
}

// AnswerDevice allows or denies a device.
func (c *Client) AnswerDevice(ctx context.Context, code string, allow bool) error {
	return c.Call(ctx, http.MethodPost, "/sessions/device/"+url.PathEscape(code), nil, DeviceAnswer{Allow: allow}, nil)
}
