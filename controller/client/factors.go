package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// PasskeyAnswer is what a browser's authenticator answered to a ceremony.
type PasskeyAnswer struct {
	Ceremony   string         `json:"ceremony" minLength:"1" maxLength:"64" example:"b0RrTWd2cW1hY2FuZGxlcw" doc:"As it was begun; good once and for five minutes."`
	Credential map[string]any `json:"credential" example:"{\"type\":\"public-key\"}" doc:"PublicKeyCredential.toJSON() of the browser."`
}

// PasskeyLogin begins a sign-in with a passkey.
type PasskeyLogin struct {
	Login string `json:"login,omitempty" maxLength:"64" example:"bo" doc:"Only this account may then sign in; without it the passkey says who it is."`
}

// Ceremony is what a browser's authenticator is asked.
type Ceremony struct {
	Ceremony string         `json:"ceremony" example:"b0RrTWd2cW1hY2FuZGxlcw"`
	Options  map[string]any `json:"options" example:"{\"rpId\":\"localhost\"}" doc:"For PublicKeyCredential.parseRequestOptionsFromJSON or parseCreationOptionsFromJSON, then publicKey of navigator.credentials.get or create."`
}

// StepUp proves presence again: with a passkey once the account has one, else
// with the password and, where the account has an authenticator, its code.
type StepUp struct {
	Password string         `json:"password,omitempty" maxLength:"256" example:"correct horse battery"`
	Code     string         `json:"code,omitempty" maxLength:"16" example:"123456"`
	Passkey  *PasskeyAnswer `json:"passkey,omitempty"`
}

// Factors are how an account proves who its owner is.
type Factors struct {
	Passkeys []Passkey `json:"passkeys" nullable:"false"`
	TOTP     bool      `json:"totp" doc:"An authenticator's code is asked after the password."`
	Password bool      `json:"password"`
}

// Passkey is one passkey of an account.
type Passkey struct {
	ID         string     `json:"id" example:"pk_019aa8d2-7777-7c41-9d10-3b1f0c5f2a77"`
	Name       string     `json:"name" example:"phone"`
	CreatedAt  time.Time  `json:"created_at"`
	LastUsedAt *time.Time `json:"last_used_at"`
	Blocked    bool       `json:"blocked" doc:"Its counter went back, so there may be a copy of it: it is refused until it is removed."`
}

// NewPasskey adds a passkey.
type NewPasskey struct {
	PasskeyAnswer
	Name string `json:"name" minLength:"1" maxLength:"64" example:"phone"`
}

// TOTPSecret is the seed of an authenticator, shown once; it is in force when
// a code of it was given.
type TOTPSecret struct {
	Secret string   `json:"secret" example:"JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"`
	URI    string   `json:"uri" example:"otpauth://totp/Assent:bo?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Assent" doc:"What the QR code says."`
	QR     []string `json:"qr" nullable:"false" example:"[\"101\",\"010\",\"101\"]" doc:"The QR code, a text for each row: 1 is dark, 0 is light."`
}

// TOTPCode is a code of an authenticator.
type TOTPCode struct {
	Code string `json:"code" minLength:"6" maxLength:"16" example:"123456"`
}

// SignInPage says what the page for signing in offers.
type SignInPage struct {
	Password  bool             `json:"password"`
	Passkey   bool             `json:"passkey" doc:"False where browsers offer none: the public address is no host name, or not HTTPS."`
	Providers []SignInProvider `json:"providers" nullable:"false"`
	Cluster   string           `json:"cluster" example:"assent-3f9a"`
}

// SignInProvider is an identity provider that people sign in with.
type SignInProvider struct {
	ID   string `json:"id" example:"idp_019aa8d2-8888-7c41-9d10-3b1f0c5f2a77"`
	Name string `json:"name" example:"Example ID"`
}

// SignInPage reads what the page for signing in offers.
func (c *Client) SignInPage(ctx context.Context) (SignInPage, error) {
	return Get[SignInPage](ctx, c, "/sign-in", nil)
}

// Factors reads the caller's own factors.
func (c *Client) Factors(ctx context.Context) (Factors, error) {
	return Get[Factors](ctx, c, "/me/factors", nil)
}

// ResetFactors takes an account's passkeys and authenticator away and ends its
// sessions: its owner has lost them.
func (c *Client) ResetFactors(ctx context.Context, user string) error {
	return c.Call(ctx, http.MethodDelete, "/users/"+url.PathEscape(user)+"/factors", nil, nil, nil)
}
