package gateway

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/keys"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

func TestTokenIsConsumedOnce(t *testing.T) {
	const callers = 200
	d := newDoor(t, func(c *Config) { c.Limits = DefaultLimits(); c.Limits.Enrolments = callers })
	token := d.token(nil)
	bodies := make([][]byte, callers)
	for i := range bodies {
		_, csr := newCSR(t, nil)
		bodies[i] = encode(t, wire.Enroll{Token: token, CSR: csr})
	}
	client := d.http()
	status := make([]int, callers)
	var all sync.WaitGroup
	for i := range callers {
		all.Go(func() { status[i], _ = d.post(client, bodies[i], nil) })
	}
	all.Wait()
	count := map[int]int{}
	for _, s := range status {
		count[s]++
	}
	if count[http.StatusOK] != 1 || count[http.StatusForbidden] < 20 || count[http.StatusForbidden]+count[http.StatusTooManyRequests] != callers-1 {
		t.Fatalf("answers by status: %v", count)
	}
	var list []store.Endpoint
	if n := d.events(audit.EndpointRefused); n == 0 || n > 40 {
		t.Errorf("%d of 199 refusals are audited", n)
	}
	if err := d.store.View(t.Context(), func(tx *store.Tx) (err error) {
		list, err = tx.Endpoints(store.EndpointFilter{})
		return err
	}); err != nil || len(list) != 1 {
		t.Fatalf("%d endpoints are stored, %v", len(list), err)
	}
}

// TestBadTokensAreLimited: by address, and nobody with a good one is kept out.
func TestBadTokensAreLimited(t *testing.T) {
	stop := time.Now()
	d := newDoor(t, func(c *Config) { c.Now = func() time.Time { return stop } })
	looked := 0
	for range 60 {
		unknown, _, err := wire.NewEnrollToken(d.keys.CAFingerprint())
		if err != nil {
			t.Fatal(err)
		}
		_, csr := newCSR(t, nil)
		switch status, _ := d.post(d.http(), encode(t, wire.Enroll{Token: unknown, CSR: csr}), nil); status {
		case http.StatusForbidden:
			looked++
		case http.StatusTooManyRequests:
		default:
			t.Fatalf("got %d", status)
		}
	}
	if looked != 20 {
		t.Errorf("%d bad tokens were answered as such", looked)
	}
	_, csr := newCSR(t, nil)
	if status, body := d.post(d.http(), encode(t, wire.Enroll{Token: d.token(nil), CSR: csr}), nil); status != http.StatusOK {
		t.Errorf("a good token: %d %s", status, body)
	}
}

func TestTokensAreRefusedAlike(t *testing.T) {
	d := newDoor(t, nil)
	used := d.token(nil)
	_, csr := newCSR(t, nil)
	if status, _ := d.post(d.http(), encode(t, wire.Enroll{Token: used, CSR: csr}), nil); status != http.StatusOK {
		t.Fatal(status)
	}
	unknown, _, err := wire.NewEnrollToken(d.keys.CAFingerprint())
	if err != nil {
		t.Fatal(err)
	}
	for name, token := range map[string]string{
		"unknown":    unknown,
		"used up":    used,
		"expired":    d.token(func(r *store.EnrollToken) { r.ExpiresAt = time.Now().Add(-time.Second) }),
		"revoked":    d.token(func(r *store.EnrollToken) { r.RevokedAt = time.Now() }),
		"empty":      "",
		"no token":   "hello",
		"mistyped":   used[:len(used)-1] + "!",
		"a megabyte": strings.Repeat("a", 30<<10),
	} {
		t.Run(name, func(t *testing.T) {
			_, csr := newCSR(t, nil)
			status, body := d.post(d.http(), encode(t, wire.Enroll{Token: token, CSR: csr}), nil)
			if status != http.StatusForbidden || string(body) != refusedToken+"\n" {
				t.Fatalf("got %d %q", status, body)
			}
		})
	}
}

func TestBadEnrolmentBurnsNoToken(t *testing.T) {
	d := newDoor(t, nil)
	token := d.token(nil)
	_, csr := newCSR(t, nil)
	good := encode(t, wire.Enroll{Token: token, CSR: csr})
	for name, row := range map[string]struct {
		body   []byte
		header http.Header
		want   int
	}{
		"empty":            {nil, nil, 400},
		"garbage":          {[]byte("garbage"), nil, 400},
		"cut":              {good[:len(good)-3], nil, 400},
		"trailing":         {append(bytes.Clone(good), 0), nil, 400},
		"too large":        {make([]byte, maxEnroll+1), nil, 400},
		"unknown field":    {encode(t, map[string]any{"token": token, "csr": csr, "facts": wire.Facts{}, "admin": true}), nil, 400},
		"no CSR":           {encode(t, wire.Enroll{Token: token}), nil, 400},
		"CSR garbage":      {encode(t, wire.Enroll{Token: token, CSR: []byte("x")}), nil, 400},
		"long facts":       {encode(t, wire.Enroll{Token: token, CSR: csr, Facts: wire.Facts{Hostname: strings.Repeat("h", 300)}}), nil, 400},
		"other type":       {good, http.Header{"Content-Type": {"application/json"}}, 415},
		"from a browser":   {good, http.Header{"Origin": {"https://evil.example"}}, 403},
		"an empty Origin":  {good, http.Header{"Origin": {""}}, 403},
		"duplicate keys":   {[]byte("\xa2\x65token\x61a\x65token\x61b"), nil, 400},
		"invalid UTF-8":    {[]byte("\xa1\x65token\x62\xff\xfe"), nil, 400},
		"indefinite":       {[]byte("\xbf\x65token\x61a\xff"), nil, 400},
		"tagged, and deep": {[]byte(strings.Repeat("\xc1", 5000) + "\x01"), nil, 400},
	} {
		t.Run(name, func(t *testing.T) {
			if status, body := d.post(d.http(), row.body, row.header); status != row.want {
				t.Fatalf("got %d %q, want %d", status, body, row.want)
			}
		})
	}
	if status, body := d.post(d.http(), good, nil); status != http.StatusOK {
		t.Fatalf("the token was burnt: %d %s", status, body)
	}
	if status, _ := d.post(d.http(), encode(t, wire.Enroll{Token: d.token(nil), CSR: csr}), nil); status != http.StatusConflict {
		t.Fatalf("the same key enrolled twice: %d", status)
	}
}

func TestIdentityIsNotTheRequests(t *testing.T) {
	d := newDoor(t, nil)
	victim := d.enroll()
	wish, err := url.Parse("assent://" + d.keys.Cluster() + "/endpoint/" + string(victim.id))
	if err != nil {
		t.Fatal(err)
	}
	_, csr := newCSR(t, &x509.CertificateRequest{Subject: pkix.Name{CommonName: string(victim.id)}, URIs: []*url.URL{wish},
		DNSNames: []string{wire.ServerName(d.keys.Cluster())}})
	status, body := d.post(d.http(), encode(t, wire.Enroll{Token: d.token(nil), CSR: csr, Facts: wire.Facts{Hostname: "a\x1b[31mb\u202ec\n"}}), nil)
	if status != http.StatusOK {
		t.Fatal(status)
	}
	var out wire.Enrolled
	if err := sign.Decode(body, &out); err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(out.Chain[0])
	if err != nil {
		t.Fatal(err)
	}
	ep, spki, err := d.keys.VerifyClient([]*x509.Certificate{leaf}, time.Now())
	if err != nil || ep != out.Endpoint || ep == victim.id || len(leaf.DNSNames) != 0 {
		t.Fatalf("identity %s (%v), victim %s", ep, err, victim.id)
	}
	var row store.Endpoint
	if err := d.store.View(t.Context(), func(tx *store.Tx) (err error) {
		row, err = tx.EndpointBySPKI(spki)
		return err
	}); err != nil || row.ID != ep || row.Labels["role"] != "test" || row.Mode != "ask" {
		t.Fatalf("row %+v %v", row, err)
	}
	if row.Name != "a[31mbc" {
		t.Errorf("name %q", row.Name)
	}
	if row.Facts.IP != "127.0.0.1" {
		t.Errorf("address %q", row.Facts.IP)
	}
}

func TestRenewal(t *testing.T) {
	d := newDoor(t, nil)
	m := d.enroll()
	l, _ := m.session(wire.Hello{})
	l.send(wire.TRenew, 0, wire.Renew{CSR: csrFor(t, m.key, nil)})
	var out wire.Renewed
	l.want(wire.TRenewed, &out)
	leaf, err := x509.ParseCertificate(out.Chain[0])
	if err != nil {
		t.Fatal(err)
	}
	if ep, spki, err := d.keys.VerifyClient([]*x509.Certificate{leaf}, time.Now()); err != nil || ep != m.id ||
		!bytes.Equal(spki, keys.SPKIHash(leaf.RawSubjectPublicKeyInfo)) {
		t.Fatalf("renewed for %s: %v", ep, err)
	}
	if got := m.row().CertNotAfter; got.Sub(leaf.NotAfter).Abs() > time.Second {
		t.Errorf("stored %v, certificate %v", got, leaf.NotAfter)
	}
	_, other := newCSR(t, nil)
	for name, csr := range map[string][]byte{"another key": other, "garbage": []byte("x"), "none": nil} {
		l.send(wire.TRenew, 0, wire.Renew{CSR: csr})
		var e wire.Error
		l.want(wire.TError, &e)
		if e.Code != wire.CodeInvalid {
			t.Errorf("%s: %+v", name, e)
		}
	}
	l.alive()
}

func TestExpiredCertificateInGrace(t *testing.T) {
	at := time.Now()
	var mu sync.Mutex
	d := newDoor(t, func(c *Config) {
		c.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return at }
	})
	m := d.enroll()
	move := func(by time.Duration) { mu.Lock(); at = at.Add(by); mu.Unlock() }
	move(keys.ClientLife + 30*24*time.Hour)
	l, _ := m.session(wire.Hello{})
	l.alive()
	move(keys.ClientGrace)
	if _, _, err := m.tryDial(nil); err == nil {
		t.Fatal("connected long after the grace")
	}
}
