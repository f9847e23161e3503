package gateway

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/keys"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

const (
	maxEnroll    = 64 << 10 // bytes
	maxFact      = 256      // bytes of one fact
	maxReported  = 64       // entries
	maxHostname  = 253
	cborType     = "application/cbor"
	refusedToken = "the enrolment token is not accepted" // the same for unknown, expired, used up and revoked
)

var errFacts = errors.New("the facts about the endpoint are too long")

// serveEnroll takes a token and a key and gives an identity. Everything that
// can be wrong with the request is checked before the token is consumed.
func (g *Gateway) serveEnroll(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Content-Type") != cborType {
		http.Error(w, "want "+cborType, http.StatusUnsupportedMediaType)
		return
	}
	raw, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxEnroll))
	if err != nil {
		http.Error(w, "the request can not be read", http.StatusBadRequest)
		return
	}
	var in wire.Enroll
	if err := sign.Decode(raw, &in); err != nil {
		http.Error(w, "the request is not valid", http.StatusBadRequest)
		return
	}
	// Only now, so that slow senders take no place.
	select {
	case g.enrol <- struct{}{}:
		defer func() { <-g.enrol }()
	default:
		w.Header().Set("Retry-After", "1")
		http.Error(w, "too many enrolments at once", http.StatusServiceUnavailable)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), g.cfg.Call)
	defer cancel()
	out, err := g.enroll(ctx, in, peerIP(r))
	if err != nil {
		g.refuseEnroll(w, r, err)
		return
	}
	body, err := sign.Encode(out)
	if err != nil {
		g.log.Error("encode enrolment answer", "error", err)
		http.Error(w, "internal error", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", cborType)
	if _, err := w.Write(body); err != nil {
		g.log.Warn("an enrolment answer was lost", "endpoint", out.Endpoint, "error", err)
	}
}

func (g *Gateway) refuseEnroll(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case errors.Is(err, elevation.ErrNotFound), errors.Is(err, wire.ErrEnrollToken):
		// The address is the peer's own: this door speaks TLS to the endpoint itself,
		// so no proxy can stand in between and name another.
		if wait := g.badToken.TakeOrWait(auth.AddressKey(peerIP(r)), g.now()); wait > 0 {
			w.Header().Set("Retry-After", strconv.Itoa((&auth.RateError{Wait: wait}).Seconds()))
			http.Error(w, "too many tokens that are not accepted", http.StatusTooManyRequests)
			return
		}
		g.refused(r.Context(), "", "enrolment", peerIP(r), err)
		http.Error(w, refusedToken, http.StatusForbidden)
	case errors.Is(err, keys.ErrCSR), errors.Is(err, errFacts):
		http.Error(w, "the request is not valid", http.StatusBadRequest)
	case errors.Is(err, store.ErrExists):
		http.Error(w, "this key is enrolled already", http.StatusConflict)
	default:
		g.log.Error("enrolment", "peer", r.RemoteAddr, "error", err)
		w.Header().Set("Retry-After", "2")
		http.Error(w, "try again later", http.StatusServiceUnavailable)
	}
}

// enroll consumes one use of the token and stores the endpoint, in one commit.
func (g *Gateway) enroll(ctx context.Context, in wire.Enroll, ip string) (wire.Enrolled, error) {
	_, hash, err := wire.ParseEnrollToken(in.Token)
	if err != nil {
		return wire.Enrolled{}, err
	}
	spki, err := keys.ParseCSR(in.CSR)
	if err != nil {
		return wire.Enrolled{}, err
	}
	if err := checkFacts(in.Facts); err != nil {
		return wire.Enrolled{}, err
	}
	now := g.now()
	ep := elevation.EndpointID(elevation.NewID(elevation.EndpointPrefix, now))
	chain, notAfter, err := g.cfg.Keys.IssueClient(in.CSR, ep)
	if err != nil {
		return wire.Enrolled{}, err
	}
	row := store.Endpoint{ID: ep, Name: cleanName(in.Facts.Hostname, ep), SPKI: spki, Facts: in.Facts,
		EnrolledAt: now, CertNotAfter: notAfter}
	row.Facts.IP = ip
	err = g.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		token, err := tx.ConsumeEnrollToken(hash, now)
		if err != nil {
			return err
		}
		row.Labels, row.AcceptLabels, row.Mode = token.Labels, token.AcceptLabels, startMode(token.Mode, in.Facts)
		if err := tx.InsertEndpoint(row); err != nil {
			return err
		}
		return tx.Append(audit.Event{At: now, Kind: audit.EndpointEnrolled, Endpoint: ep,
			Actor: elevation.Actor{Kind: elevation.ByEndpoint, ID: string(ep), Name: row.Name},
			Data:  map[string]string{"token": string(token.ID), "ip": ip, "name": row.Name, "os": row.Facts.OS}})
	})
	if err != nil {
		return wire.Enrolled{}, err
	}
	rootID, root := g.cfg.Keys.Root()
	g.log.Info("endpoint enrolled", "endpoint", ep, "name", row.Name, "peer", ip)
	return wire.Enrolled{Endpoint: ep, Cluster: g.cfg.Keys.Cluster(), Chain: chain, CARoot: g.cfg.Keys.CA(),
		RootKeyID: rootID, RootKey: root, KeySet: g.cfg.Keys.KeySet(), Mode: row.Mode}, nil
}

// startMode is the mode that an endpoint begins in: that of its token; without
// one, packages only observe, so that installing them changes nothing for anybody.
func startMode(token string, f wire.Facts) string {
	switch {
	case token != "":
		return token
	case f.Reported[wire.ReportedInstall] == wire.InstalledByPackage:
		return string(elevation.ModeObserve)
	}
	return string(elevation.ModeAsk)
}

func checkFacts(f wire.Facts) error {
	for _, s := range []string{f.Hostname, f.OS, f.OSVersion, f.Arch, f.IP, f.AgentVersion} {
		if len(s) > maxFact {
			return errFacts
		}
	}
	if len(f.Reported) > maxReported {
		return errFacts
	}
	for k, v := range f.Reported {
		if len(k) > maxFact || len(v) > maxFact {
			return errFacts
		}
	}
	return nil
}

// cleanName makes a host name fit to be shown: no control or format characters,
// never empty.
func cleanName(name string, ep elevation.EndpointID) string {
	name = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || unicode.IsSpace(r) {
			return -1
		}
		return r
	}, name)
	if len(name) > maxHostname {
		name = strings.ToValidUTF8(name[:maxHostname], "")
	}
	if name == "" {
		return elevation.ShortID(string(ep))
	}
	return name
}

func peerIP(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	return host
}

// renew gives a session's endpoint a new certificate for the key it has.
func (s *session) renew(ctx context.Context, in wire.Renew) (wire.Renewed, error) {
	g := s.g
	spki, err := keys.ParseCSR(in.CSR)
	if err != nil {
		return wire.Renewed{}, err
	}
	if string(spki) != string(s.spki) {
		return wire.Renewed{}, errOtherKey
	}
	chain, notAfter, err := g.cfg.Keys.IssueClient(in.CSR, s.ep)
	if err != nil {
		return wire.Renewed{}, err
	}
	now := g.now()
	err = g.cfg.Store.Update(ctx, func(tx *store.Tx) error {
		row, err := admitted(tx, s.ep, s.spki)
		if err != nil {
			return err
		}
		row.CertNotAfter = notAfter
		if err := tx.SeenEndpoint(row); err != nil {
			return err
		}
		return tx.Append(audit.Event{At: now, Kind: audit.EndpointRenewed, Endpoint: s.ep,
			Actor: elevation.Actor{Kind: elevation.ByEndpoint, ID: string(s.ep), Name: row.Name},
			Data:  map[string]string{"not_after": notAfter.UTC().Format(time.RFC3339)}})
	})
	if err != nil {
		return wire.Renewed{}, err
	}
	return wire.Renewed{Chain: chain}, nil
}
