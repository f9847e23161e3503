package directory

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/store"
)

// Limits of one call of a provider.
const (
	fetchTime = 8 * time.Second
	maxFetch  = 1 << 20
	knownFor  = time.Hour // what a provider says of itself
)

// ErrProvider means that an identity provider does not answer, or not as it
// should. The log has the reason.
var ErrProvider = errors.New("the identity provider does not answer as it should")

var errLong = errors.New("the answer is longer than a provider's may be")

// discovered is what a provider says of itself, with its keys.
type discovered struct {
	provider *oidc.Provider
	issuer   string
	until    time.Time
}

// bound is a client that waits no longer and reads no more than a provider's
// answer may take. It has no cookies and follows no redirect.
func bound(c *http.Client) *http.Client {
	next := c.Transport
	if next == nil {
		next = http.DefaultTransport
	}
	return &http.Client{Timeout: fetchTime, Transport: bounded{next},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

type bounded struct{ next http.RoundTripper }

// RoundTrip does one call.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := b.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	resp.Body = &boundedBody{resp.Body, maxFetch}
	return resp, nil
}

type boundedBody struct {
	io.ReadCloser
	left int
}

// Read fails once there is more than the limit.
func (b *boundedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= n; b.left < 0 {
		return 0, errLong
	}
	return n, err
}

// discover is what a provider says of itself, read anew every hour.
func (d *Directory) discover(ctx context.Context, p store.Provider) (*oidc.Provider, error) {
	d.mu.Lock()
	k := d.known[p.ID]
	d.mu.Unlock()
	if k != nil && k.issuer == p.Issuer && d.cfg.Now().Before(k.until) {
		return k.provider, nil
	}
	ctx, cancel := context.WithTimeout(ctx, fetchTime)
	defer cancel()
	found, err := oidc.NewProvider(oidc.ClientContext(ctx, d.outside), p.Issuer)
	if err == nil {
		err = checkEndpoints(found, p.Issuer)
	}
	if err != nil {
		d.cfg.Log.Warn("an identity provider can not be used", "provider", p.Name, "error", audit.Clip(err.Error(), 300))
		return nil, fmt.Errorf("%w: %s", ErrProvider, p.Name)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.known[p.ID] = &discovered{provider: found, issuer: p.Issuer, until: d.cfg.Now().Add(knownFor)}
	return found, nil
}

func (d *Directory) forget(id store.ProviderID) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.known, id)
}

// checkEndpoints refuses endpoints that are not web addresses, or that leave TLS
// although the issuer has it.
func checkEndpoints(p *oidc.Provider, issuer string) error {
	var said struct {
		Keys string `json:"jwks_uri"`
		User string `json:"userinfo_endpoint"`
	}
	if err := p.Claims(&said); err != nil {
		return fmt.Errorf("read what the provider says: %w", err)
	}
	from, err := url.Parse(issuer)
	if err != nil {
		return err
	}
	for what, address := range map[string]string{"authorization_endpoint": p.Endpoint().AuthURL, "token_endpoint": p.Endpoint().TokenURL,
		"jwks_uri": said.Keys, "userinfo_endpoint": said.User} {
		if address == "" && what == "userinfo_endpoint" {
			continue
		}
		u, err := url.Parse(address)
		if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.Scheme != "https" && (u.Scheme != "http" || from.Scheme != "http") {
			return fmt.Errorf("its %s is not an address that can be used", what)
		}
	}
	return nil
}
