package auth

import (
	"encoding/json"
	"fmt"
	"net/url"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"github.com/assent-epm/assent/shared/elevation"
)

// relyingParty is all that this package takes of the WebAuthn library: options
// for browsers, and what their answers prove. It keeps nothing.
type relyingParty struct{ web *webauthn.WebAuthn }

// newRelyingParty is nil without an error where browsers offer no passkeys.
func newRelyingParty(public string) (*relyingParty, error) {
	u, err := url.Parse(public)
	if err != nil {
		return nil, fmt.Errorf("read the public address: %w", err)
	}
	host := u.Hostname()
	if protocol.ValidateRPID(host) != nil || u.Scheme != "https" && host != "localhost" {
		return nil, nil
	}
	must := protocol.AuthenticatorSelection{ResidentKey: protocol.ResidentKeyRequirementRequired,
		RequireResidentKey: protocol.ResidentKeyRequired(), UserVerification: protocol.VerificationRequired}
	last := webauthn.TimeoutConfig{Timeout: CeremonyLife, TimeoutUVD: CeremonyLife}
	web, err := webauthn.New(&webauthn.Config{RPID: host, RPDisplayName: "Assent", RPOrigins: []string{u.Scheme + "://" + u.Host},
		AttestationPreference: protocol.PreferNoAttestation, AuthenticatorSelection: must,
		Timeouts:                          webauthn.TimeoutsConfig{Login: last, Registration: last},
		ExtensionsUnsolicitedOutputPolicy: protocol.UnsolicitedOutputPolicyIgnore}) // nothing reads them
	if err != nil {
		return nil, err
	}
	return &relyingParty{web: web}, nil
}

// keyring is an account as the library sees it.
type keyring struct {
	account Account
	keys    []Passkey
}

// WebAuthnID is the user handle that a passkey keeps; ids are random and say
// nothing of a person.
func (k keyring) WebAuthnID() []byte { return []byte(k.account.ID) }

// WebAuthnName is the login.
func (k keyring) WebAuthnName() string { return k.account.Login }

// WebAuthnDisplayName is the name, or the login of somebody without one.
func (k keyring) WebAuthnDisplayName() string {
	if k.account.Name == "" {
		return k.account.Login
	}
	return k.account.Name
}

// WebAuthnCredentials are the passkeys.
func (k keyring) WebAuthnCredentials() []webauthn.Credential {
	var out []webauthn.Credential
	for _, p := range k.keys {
		c := webauthn.Credential{ID: p.Credential, PublicKey: p.PublicKey, Flags: webauthn.CredentialFlagsFromMsgpByte(p.Flags),
			Authenticator: webauthn.Authenticator{SignCount: p.SignCount}}
		for _, t := range p.Transports {
			c.Transport = append(c.Transport, protocol.AuthenticatorTransport(t))
		}
		out = append(out, c)
	}
	return out
}

// session is what the library compares an answer with. The time is ours to keep.
func (r *relyingParty) session(challenge []byte, user elevation.UserID) webauthn.SessionData {
	return webauthn.SessionData{Challenge: string(challenge), RelyingPartyID: r.web.Config.RPID, UserID: []byte(user),
		UserVerification: protocol.VerificationRequired, CredParams: webauthn.CredentialParametersDefault()}
}

// ask makes the options of a proof. Without keys the passkey says whose it is.
func (r *relyingParty) ask(k keyring) (options map[string]any, challenge []byte, err error) {
	var ask *protocol.CredentialAssertion
	var kept *webauthn.SessionData
	if len(k.keys) == 0 {
		ask, kept, err = r.web.BeginDiscoverableLogin()
	} else {
		ask, kept, err = r.web.BeginLogin(k)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("ask for a passkey: %w", err)
	}
	options, err = plain(ask.Response)
	return options, []byte(kept.Challenge), err
}

// proof is what an answer claims, before it is checked.
type proof struct {
	parsed *protocol.ParsedCredentialAssertionData
}

func (r *relyingParty) read(credential map[string]any) (proof, error) {
	raw, err := json.Marshal(credential)
	if err != nil {
		return proof{}, fmt.Errorf("read the passkey's answer: %w", err)
	}
	parsed, err := protocol.ParseCredentialRequestResponseBytes(raw)
	if err != nil {
		return proof{}, fmt.Errorf("read the passkey's answer: %w", err)
	}
	return proof{parsed}, nil
}

// credential is the id of the passkey that answered.
func (p proof) credential() []byte { return p.parsed.RawID }

// named reports whether the answer says whose passkey it is.
func (p proof) named() bool { return len(p.parsed.Response.UserHandle) > 0 }

// check verifies an answer: signature, challenge, origin, domain, that the
// person was there and verified, and that the passkey is the account's. The
// counter of the answer is given back; cloned says that it went back.
func (r *relyingParty) check(p proof, k keyring, challenge []byte) (count uint32, cloned bool, err error) {
	c, err := r.web.ValidateLogin(k, r.session(challenge, k.account.ID), p.parsed)
	if err != nil {
		return 0, false, fmt.Errorf("check the passkey's answer: %w", err)
	}
	return p.parsed.Response.AuthenticatorData.Counter, c.Authenticator.CloneWarning, nil
}

// offer makes the options of a new passkey.
func (r *relyingParty) offer(k keyring) (options map[string]any, challenge []byte, err error) {
	var known []protocol.CredentialDescriptor
	for _, c := range k.WebAuthnCredentials() {
		known = append(known, c.Descriptor())
	}
	offer, kept, err := r.web.BeginRegistration(k, webauthn.WithExclusions(known))
	if err != nil {
		return nil, nil, fmt.Errorf("offer a passkey: %w", err)
	}
	options, err = plain(offer.Response)
	return options, []byte(kept.Challenge), err
}

// made verifies a new passkey.
func (r *relyingParty) made(credential map[string]any, k keyring, challenge []byte) (Passkey, error) {
	raw, err := json.Marshal(credential)
	if err != nil {
		return Passkey{}, fmt.Errorf("read the new passkey: %w", err)
	}
	parsed, err := protocol.ParseCredentialCreationResponseBytes(raw)
	if err != nil {
		return Passkey{}, fmt.Errorf("read the new passkey: %w", err)
	}
	c, err := r.web.CreateCredential(k, r.session(challenge, k.account.ID), parsed)
	if err != nil {
		return Passkey{}, fmt.Errorf("check the new passkey: %w", err)
	}
	p := Passkey{User: k.account.ID, Credential: c.ID, PublicKey: c.PublicKey, SignCount: c.Authenticator.SignCount, Flags: c.Flags.MsgpByte()}
	for _, t := range c.Transport {
		p.Transports = append(p.Transports, string(t))
	}
	return p, nil
}

// plain is v as JSON has it.
func plain(v any) (map[string]any, error) {
	raw, err := json.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("write options: %w", err)
	}
	var out map[string]any
	if err := json.Unmarshal(raw, &out); err != nil {
		return nil, fmt.Errorf("write options: %w", err)
	}
	return out, nil
}
