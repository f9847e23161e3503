package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/version"
	"github.com/assent-epm/assent/shared/wire"
)

// What doctor still calls well.
const (
	skewNoted  = 5 * time.Second // signed times and one-time codes bear so much
	skewBad    = 60 * time.Second
	certSoon   = 21 * 24 * time.Hour
	doctorTime = 10 * time.Second
)

// finding is what doctor says of one thing.
type finding struct {
	Check  string `json:"check"`
	Result string `json:"result"` // ok, warning, failed, or - when it could not be looked at
	Text   string `json:"text"`
	Hint   string `json:"hint,omitempty"`
	code   int
}

// doctor looks at everything that assentctl needs, one thing after the other.
func (a *app) doctor() *cobra.Command {
	return &cobra.Command{Use: "doctor", Short: "Find out why something does not work: address, TLS, clock, sign-in, version, permissions", Args: cobra.NoArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error {
			ctx, cancel := context.WithTimeout(ctx, doctorTime)
			defer cancel()
			found := a.examine(ctx)
			err := list(a, found, func(f finding) string { return f.Check }, []column[finding]{
				{name: "check", text: func(f finding) string { return f.Check }}, {name: "result", text: func(f finding) string { return f.Result }},
				{name: "text", text: func(f finding) string { return f.Text }}, {name: "hint", text: func(f finding) string { return f.Hint }, more: a.format == "table"}})
			if err != nil {
				return err
			}
			for _, f := range found {
				if a.format == "table" && f.Hint != "" {
					fmt.Fprintf(a.err, "hint: %s: %s\n", f.Check, f.Hint)
				}
			}
			if i := slices.IndexFunc(found, func(f finding) bool { return f.Result == "failed" }); i >= 0 {
				return &exitError{code: found[i].code}
			}
			return nil
		})}
}

// examine looks at one thing after the other. What needs a thing that failed is
// not looked at.
func (a *app) examine(ctx context.Context) []finding {
	checks := []string{"address", "tls", "clock", "sign-in", "version", "permissions"}
	var out []finding
	add := func(f finding) bool {
		out = append(out, f)
		return f.Result != "failed"
	}
	rest := func() []finding {
		for _, c := range checks[len(out):] {
			out = append(out, finding{Check: c, Result: "-", Text: "not looked at"})
		}
		return out
	}
	c, err := a.connect()
	var done *exitError
	if errors.As(err, &done) && done.code == exitSignIn {
		c, err = client.New(a.address, "")
	}
	if err != nil {
		add(finding{"address", "failed", sentence(err), "say where the controller is: --url, ASSENT_URL or assentctl login", codeOf(err)})
		return rest()
	}
	began := time.Now()
	resp, err := reach(ctx, c)
	if err != nil {
		if bad := certificate(err); bad != "" {
			add(finding{Check: "address", Result: "ok", Text: c.URL})
			add(finding{"tls", "failed", bad, "the certificate must name " + host(c.URL) + " and come from an authority that this machine knows; SSL_CERT_FILE names another one", exitNotReached})
			return rest()
		}
		add(finding{"address", "failed", sentence(err), "check the address, the network in between and that the controller runs: " + c.URL + "/readyz answers 200", exitNotReached})
		return rest()
	}
	took := time.Since(began)
	if resp.StatusCode != http.StatusOK {
		add(finding{"address", "failed", fmt.Sprintf("%s/readyz answered %s", c.URL, resp.Status), "this is no controller, or one that is not ready yet: read its log", exitNotReached})
		return rest()
	}
	add(finding{Check: "address", Result: "ok", Text: fmt.Sprintf("%s answered in %d ms", c.URL, took.Milliseconds())})
	add(transport(c.URL, resp.TLS))
	add(skew(resp.Header.Get("Date"), began, took))
	me, err := client.Get[client.Me](ctx, c, "/me", nil)
	if err != nil {
		f := finding{"sign-in", "failed", sentence(err), "sign in: assentctl login --url " + c.URL, codeOf(err)}
		if c.Token == "" {
			f.Text, f.code = "there is no token for "+c.URL, exitSignIn
		}
		add(f)
		return rest()
	}
	add(finding{Check: "sign-in", Result: "ok", Text: fmt.Sprintf("%s (%s) at %s", me.Login, strings.Join(me.Roles, " "), me.Cluster)})
	add(versions(version.Get(wire.Version).Version, me.Version))
	add(permissions(me))
	return out
}

// reach asks for readiness, which needs no sign-in.
func reach(ctx context.Context, c *client.Client) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, c.URL+"/readyz", nil)
	if err != nil {
		return nil, fmt.Errorf("make the call: %w", err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		var call *url.Error
		if errors.As(err, &call) {
			err = call.Err
		}
		return nil, fmt.Errorf("%w at %s: %w", client.ErrUnreachable, c.URL, err)
	}
	return resp, resp.Body.Close()
}

// certificate says what is wrong with a certificate, "" when that is not it.
func certificate(err error) string {
	var unknown x509.UnknownAuthorityError
	var name x509.HostnameError
	var invalid x509.CertificateInvalidError
	var check *tls.CertificateVerificationError
	if errors.As(err, &unknown) || errors.As(err, &name) || errors.As(err, &invalid) || errors.As(err, &check) {
		return err.Error()
	}
	var record tls.RecordHeaderError
	if errors.As(err, &record) {
		return "the other side does not speak TLS"
	}
	return ""
}

func host(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return address
	}
	return u.Hostname()
}

// transport judges how the call is protected.
func transport(address string, state *tls.ConnectionState) finding {
	if state == nil {
		name := host(address)
		ip := net.ParseIP(name)
		if name == "localhost" || ip != nil && ip.IsLoopback() {
			return finding{Check: "tls", Result: "ok", Text: "none, and none is needed on this machine"}
		}
		return finding{Check: "tls", Result: "warning", Text: "none: tokens and answers cross the network readable", Hint: "use https: assentctl login --url https://" + name}
	}
	ends := state.PeerCertificates[0].NotAfter
	f := finding{Check: "tls", Result: "ok", Text: fmt.Sprintf("%s, the certificate is good until %s", tls.VersionName(state.Version), when(&ends))}
	if left := time.Until(ends); left < certSoon {
		f.Result, f.Hint = "warning", fmt.Sprintf("the certificate ends in %s: renew it", span(left))
	}
	return f
}

// skew compares the clocks. An answer carries whole seconds, and was on its way.
func skew(date string, began time.Time, took time.Duration) finding {
	theirs, err := http.ParseTime(date)
	if err != nil {
		return finding{Check: "clock", Result: "warning", Text: "the answer says no time"}
	}
	off := theirs.Sub(began.Add(took / 2)).Round(time.Second)
	f := finding{Check: "clock", Result: "ok", Text: "as the controller's"}
	if off > time.Second || off < -time.Second {
		word := "behind"
		if off < 0 {
			off, word = -off, "ahead of"
		}
		f.Text = fmt.Sprintf("this machine is %s %s the controller", span(off), word)
	}
	switch {
	case off > skewBad:
		f.Result, f.code, f.Hint = "failed", exitFailure, "set the clocks by NTP: timedatectl set-ntp true"
	case off > skewNoted:
		f.Result, f.Hint = "warning", "set the clocks by NTP: timedatectl set-ntp true"
	}
	return f
}

// versions warns where the two are not of one minor version.
func versions(mine, theirs string) finding {
	f := finding{Check: "version", Result: "ok", Text: "assentctl " + mine + ", controller " + theirs}
	minor := func(v string) string {
		parts := strings.SplitN(strings.TrimPrefix(v, "v"), ".", 3)
		return strings.Join(parts[:min(2, len(parts))], ".")
	}
	if minor(mine) != minor(theirs) {
		f.Result, f.Hint = "warning", "use the assentctl of the controller's version: fields and verbs may be missing"
	}
	return f
}

// permissions says what the account may do here.
func permissions(me client.Me) finding {
	f := finding{Check: "permissions", Result: "ok", Text: strings.Join(me.Permissions, " ")}
	switch {
	case len(me.Permissions) == 0:
		f.Result, f.Text, f.Hint = "warning", "none", "an administrator gives roles: assentctl user edit "+me.Login+" --role approver"
	case !slices.Contains(me.Permissions, "requests.decide"):
		f.Hint = "answering requests needs the role approver (and a token that has the scope requests.decide)"
	}
	return f
}
