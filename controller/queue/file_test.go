package queue

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/delegation"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/assent-epm/assent/shared/wire"
)

// eve links an account to the user of the attempts of these tests.
func (b *bed) eve(login string) {
	b.t.Helper()
	b.must(b.store.Update(context.Background(), func(tx *store.Tx) error {
		err := tx.PutLink(store.Link{ID: elevation.LinkID(elevation.NewID(elevation.LinkPrefix, day)), MadeAt: day,
			Link: delegation.Link{User: elevation.UserID("usr_" + login), Endpoint: ep, UID: "1000", Name: "eve"}})
		if err != nil {
			return err
		}
		return tx.Append(audit.Event{At: day, Kind: audit.LinkChanged, Actor: system()})
	}))
}

// ended makes a request that was used and is over.
func (b *bed) ended(arg string) elevation.RequestID {
	b.t.Helper()
	id := b.submit(arg)
	_, err := b.Review(context.Background(), who("bo"), id, ReviewIn{Verdict: elevation.Approved})
	b.must(err)
	b.report(id, elevation.ReportStarted, "")
	b.report(id, elevation.ReportEnded, elevation.Completed)
	return id
}

func (b *bed) report(id elevation.RequestID, kind elevation.ReportKind, why elevation.EndReason) {
	b.t.Helper()
	v, err := b.Get(context.Background(), who("ada", auth.Administrator), id)
	b.must(err)
	b.must(b.Report(context.Background(), ep, wire.Report{Seq: b.nextReport(), Request: id, Grant: v.Request.Grant.ID, Kind: kind, Reason: why, At: b.now()}))
}

func (b *bed) nextReport() uint64 {
	b.t.Helper()
	var e store.Endpoint
	b.must(b.store.View(context.Background(), func(tx *store.Tx) (err error) { e, err = tx.Endpoint(ep); return err }))
	return e.ReportSeq + 1
}

// together runs n calls at once and says how many got which error.
func together(n int, do func(i int) error) map[error]int {
	var wg sync.WaitGroup
	var mu sync.Mutex
	got := map[error]int{}
	for i := range n {
		wg.Go(func() {
			err := do(i)
			mu.Lock()
			defer mu.Unlock()
			for _, known := range []error{elevation.ErrConflict, elevation.ErrLimit} {
				if errors.Is(err, known) {
					err = known
				}
			}
			got[err]++
		})
	}
	wg.Wait()
	return got
}

func run(from elevation.RequestID) FileIn {
	return FileIn{AccessType: elevation.Run, Endpoint: "web-1", FromRequest: from, Justification: "the disk is full again"}
}

func TestTheSameFiledAtOnce(t *testing.T) {
	b := newBed(t, "").people()
	b.eve("audrey")
	in := run(b.ended("a"))
	in.ID = elevation.NewRequestID(day)
	var made atomic.Int64
	got := together(8, func(int) error {
		v, first, err := b.File(context.Background(), who("audrey", auth.Auditor), in)
		if first {
			made.Add(1)
		}
		if err == nil && v.Request.ID != in.ID {
			return fmt.Errorf("another id: %s", v.Request.ID)
		}
		return err
	})
	if got[nil] != 8 || made.Load() != 1 {
		t.Errorf("%v, made %d times", got, made.Load())
	}
	// Without an id each is the same thing: one waits, the others join it.
	in.ID = ""
	got = together(8, func(int) error {
		v, _, err := b.File(context.Background(), who("audrey", auth.Auditor), in)
		if err == nil && v.Request.Attempt.User.Name != "eve" {
			return errors.New("another user")
		}
		return err
	})
	page, err := b.List(context.Background(), who("ada", auth.Administrator), Filter{Status: []string{"pending"}})
	b.must(err)
	if got[nil] != 8 || len(page.Items) != 1 || page.Items[0].Request.Joined != 8 {
		t.Errorf("%v; %d wait, joined %d times", got, len(page.Items), page.Items[0].Request.Joined)
	}
}

// TestFiledForEachSystem: what is asked for ahead is what the endpoint itself would
// ask for, or its approval could not be used there.
func TestFiledForEachSystem(t *testing.T) {
	for _, name := range []string{"linux", "darwin", "windows"} {
		b := newBed(t, "").people()
		b.eve("audrey")
		b.must(b.store.Update(context.Background(), func(tx *store.Tx) error {
			e, err := tx.Endpoint(ep)
			if err != nil {
				return err
			}
			e.Facts.OS, e.Capabilities = name, []string{string(elevation.Admin), string(elevation.Session)}
			return errors.Join(tx.PutEndpoint(e), tx.Append(audit.Event{At: day, Kind: audit.EndpointChanged, Actor: system()}))
		}))
		v, _, err := b.File(context.Background(), who("audrey", auth.Auditor), FileIn{AccessType: elevation.Admin, Endpoint: "web-1", Justification: "the disk is full again"})
		b.must(err)
		there := v.Request.Attempt
		there.Subject = elevation.Subject{RunAs: elevation.ElevatedOn(name)}
		if !v.Request.Attempt.Same(there) {
			t.Errorf("%s: it is filed as %+v", name, v.Request.Attempt.Subject)
		}
	}
}

func TestResubmittedAtOnce(t *testing.T) {
	b := newBed(t, "").people()
	b.eve("audrey")
	old := b.ended("a")
	got := together(8, func(i int) error {
		_, err := b.Resubmit(context.Background(), who("audrey", auth.Auditor), old, AgainIn{Justification: fmt.Sprintf("reason number %d", i)})
		return err
	})
	if got[nil] != 1 || got[elevation.ErrConflict] != 7 {
		t.Errorf("%v", got)
	}
}

func TestEmergenciesAtOnceKeepTheQuota(t *testing.T) {
	b := newBed(t, "").people()
	b.eve("ada")
	in := run(b.ended("a"))
	in.Emergency = true
	ada := who("ada", auth.Administrator)
	if _, _, err := b.File(context.Background(), ada, in); !errors.Is(err, elevation.ErrStepUp) {
		t.Errorf("with a token: %v", err)
	}
	ada.Token, ada.Session, ada.SeenAt = "", true, day.Add(-6*time.Minute)
	if _, _, err := b.File(context.Background(), ada, in); !errors.Is(err, elevation.ErrStepUp) {
		t.Errorf("signed in long ago: %v", err)
	}
	ada.SeenAt = day
	got := together(8, func(int) error {
		_, _, err := b.File(context.Background(), ada, in)
		return err
	})
	if got[nil] != 3 || got[elevation.ErrLimit] != 5 {
		t.Errorf("%v", got)
	}
	b.pass(25 * time.Hour)
	ada.SeenAt = b.now()
	v, _, err := b.File(context.Background(), ada, in)
	b.must(err)
	if kinds := b.kinds(v.Request.ID); kinds[0] != "emergency.used" || v.State != elevation.StateAvailable {
		t.Errorf("the next day: %v %s", kinds, v.State)
	}
	// It is for oneself: an approver gives nobody else emergency access.
	in.ForUser = "eve"
	bo := who("bo", auth.Approver, auth.Administrator)
	bo.Token, bo.Session, bo.SeenAt = "", true, b.now()
	if _, _, err := b.File(context.Background(), bo, in); !errors.Is(err, elevation.ErrNotAllowed) {
		t.Errorf("for somebody else: %v", err)
	}
}

// An approval of a session's can be undone; only then the endpoint learns of more
// time, and a confirmation that never comes ends the extension too.
func TestExtensionIsHeldAndExpires(t *testing.T) {
	b := newBed(t, "").people()
	b.eve("audrey")
	in := attempt("a")
	in.Attempt.Duration = time.Hour
	_, err := b.Draft(context.Background(), ep, in)
	b.must(err)
	_, err = b.Complete(context.Background(), ep, wire.Complete{Request: in.Request, Justification: "because I must"})
	b.must(err)
	_, err = b.Review(context.Background(), who("bo"), in.Request, ReviewIn{Verdict: elevation.Approved})
	b.must(err)
	b.report(in.Request, elevation.ReportStarted, "")
	v, err := b.Extend(context.Background(), who("audrey", auth.Auditor), in.Request, AgainIn{Duration: 6 * time.Hour, Justification: "it takes longer"})
	b.must(err)
	bo := who("bo")
	bo.Token, bo.Session, bo.SeenAt = "", true, day
	_, err = b.Review(context.Background(), bo, v.Request.ID, ReviewIn{Verdict: elevation.Approved})
	b.must(err)
	amended := func() (out []elevation.Amendment) {
		for _, f := range b.frames() {
			if f.Type == wire.TAmend {
				var a elevation.Amendment
				b.must(b.keys.Open(sign.Amendment, body[wire.Signed](t, f).Raw, day, &a))
				out = append(out, a)
			}
		}
		return out
	}
	if len(amended()) != 0 || b.state(v.Request.ID) != elevation.StateHeld {
		t.Fatal("it is given while it can be undone")
	}
	b.pass(4 * time.Second)
	_, _, err = b.Sweep(context.Background())
	b.must(err)
	if got := amended(); len(got) != 1 || got[0].Duration != 7*time.Hour || got[0].Of != in.Request {
		t.Fatalf("%+v", got)
	}
	b.pass(4*time.Hour + time.Minute)
	_, _, err = b.Sweep(context.Background())
	b.must(err)
	if s := b.state(v.Request.ID); s != elevation.StateExpired {
		t.Errorf("never confirmed it is %s", s)
	}
	if s := b.state(in.Request); s != elevation.StateActive {
		t.Errorf("what it extends is %s", s)
	}
	// The endpoint confirms late: that is no news, and no error.
	b.must(b.Report(context.Background(), ep, wire.Report{Seq: b.nextReport(), Request: v.Request.ID, Grant: amended()[0].Grant, Kind: elevation.ReportDelivered, At: b.now()}))
	if s := b.state(v.Request.ID); !s.Final() {
		t.Errorf("confirmed late it is %s", s)
	}
}

// What is over when a held approval takes effect gets no more time.
func TestExtensionOfWhatIsOver(t *testing.T) {
	b := newBed(t, "").people()
	b.eve("audrey")
	id := b.submit("a")
	_, err := b.Review(context.Background(), who("bo"), id, ReviewIn{Verdict: elevation.Approved, Duration: time.Hour})
	b.must(err)
	b.report(id, elevation.ReportStarted, "")
	v, err := b.Extend(context.Background(), who("audrey", auth.Auditor), id, AgainIn{Duration: time.Hour, Justification: "it takes longer"})
	b.must(err)
	bo := who("bo")
	bo.Token, bo.Session, bo.SeenAt = "", true, day
	_, err = b.Review(context.Background(), bo, v.Request.ID, ReviewIn{Verdict: elevation.Approved})
	b.must(err)
	b.report(id, elevation.ReportEnded, elevation.Completed)
	b.pass(4 * time.Second)
	_, _, err = b.Sweep(context.Background())
	b.must(err)
	v, err = b.Get(context.Background(), who("ada", auth.Administrator), v.Request.ID)
	b.must(err)
	if v.State != elevation.StateEnded || v.Request.Grant.EndReason != elevation.Superseded {
		t.Errorf("%s, %s", v.State, v.Request.Grant.EndReason)
	}
	for _, f := range b.frames() {
		if f.Type == wire.TAmend {
			t.Error("what is over gets more time")
		}
	}
}

// Of two approved extensions and of one that comes back, nobody gets more than
// was approved.
func TestExtensionsAtOnce(t *testing.T) {
	b := newBed(t, "").people()
	b.eve("audrey")
	id := b.submit("a")
	_, err := b.Review(context.Background(), who("bo"), id, ReviewIn{Verdict: elevation.Approved, Duration: time.Hour})
	b.must(err)
	b.report(id, elevation.ReportStarted, "")
	got := together(6, func(int) error {
		_, err := b.Extend(context.Background(), who("audrey", auth.Auditor), id, AgainIn{Duration: time.Hour, Justification: "it takes longer"})
		return err
	})
	if got[nil] != 1 || got[elevation.ErrConflict] != 5 {
		t.Errorf("%v", got)
	}
	other := attempt("b")
	if err := b.ExtendFrom(context.Background(), "ep_other", wire.Extend{Request: id, New: other.Request, Duration: time.Hour}); !errors.Is(err, elevation.ErrNotFound) {
		t.Errorf("by another endpoint: %v", err)
	}
	if err := b.ExtendFrom(context.Background(), ep, wire.Extend{Request: id, New: "x", Duration: time.Hour}); !errors.Is(err, elevation.ErrInvalid) {
		t.Errorf("an id that is none: %v", err)
	}
}

// tripper is a transport that is looked at.
type tripper func(*http.Request) (*http.Response, error)

func (f tripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// A ticket system may be slow, endless or many; each look-up ends, and only so
// many run at a time.
func TestTicketSystemsThatMisbehave(t *testing.T) {
	b := newBed(t, "").people()
	var running, most atomic.Int64
	release := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/endless" {
			for r.Context().Err() == nil {
				if _, err := io.Copy(w, bytes.NewReader(make([]byte, 1<<16))); err != nil {
					return
				}
			}
			return
		}
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	defer slow.Close()
	defer close(release)
	set := func(url string) {
		b.must(b.store.Update(context.Background(), func(tx *store.Tx) error {
			s := tx.Settings()
			s.TicketValidator = store.TicketValidator{URL: url, Timeout: time.Second}
			if err := tx.PutSettings(s); err != nil {
				return err
			}
			return tx.Append(audit.Event{At: day, Kind: audit.SettingsChanged, Actor: system()})
		}))
	}
	set(slow.URL)
	if err := b.lookUp(context.Background(), "INC-1"); !errors.Is(err, elevation.ErrInvalid) {
		t.Errorf("without a client: %v", err)
	}
	through := slow.Client().Transport
	b.cfg.Outside = &http.Client{Transport: tripper(func(r *http.Request) (*http.Response, error) { // the server hears late that nobody waits any more
		n := running.Add(1)
		defer running.Add(-1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		return through.RoundTrip(r)
	})}
	begin := time.Now()
	together(3*ticketLookups, func(int) error {
		if err := b.lookUp(context.Background(), "INC-1"); !errors.Is(err, elevation.ErrInvalid) || !strings.Contains(err.Error(), "too long") {
			t.Errorf("a slow one: %v", err)
		}
		return nil
	})
	if most.Load() > ticketLookups || time.Since(begin) > 8*time.Second {
		t.Errorf("%d at a time, %v in all", most.Load(), time.Since(begin))
	}
	set(slow.URL + "/endless")
	if err := b.lookUp(context.Background(), "INC-1"); err != nil {
		t.Errorf("an endless answer of 200 is good: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	set(slow.URL)
	if err := b.lookUp(ctx, "INC-1"); !errors.Is(err, elevation.ErrInvalid) {
		t.Errorf("the caller has gone: %v", err)
	}
	for _, dots := range []string{"", ".", ".."} {
		if err := b.lookUp(context.Background(), dots); !errors.Is(err, elevation.ErrInvalid) {
			t.Errorf("the ticket %q: %v", dots, err)
		}
	}
	for _, tt := range []struct{ address, ticket, want string }{
		{"https://t/check", "A 1/2&x=y", "https://t/check?ticket=A+1%2F2%26x%3Dy"},
		{"https://t/check?k=v", "A", "https://t/check?k=v&ticket=A"},
		{"https://t/{ticket}/state?t={ticket}", "A/../b?c", "https://t/A%2F..%2Fb%3Fc/state?t=A%2F..%2Fb%3Fc"},
	} {
		if got := ticketURL(tt.address, tt.ticket); got != tt.want {
			t.Errorf("%s", got)
		}
	}
}

// A lasting answer that was ended decides nothing any more, however close.
func TestLastingAnswerEndsAtOnce(t *testing.T) {
	b := newBed(t, "").people()
	id := b.submit("a")
	_, err := b.Review(context.Background(), who("bo"), id, ReviewIn{Verdict: elevation.Approved, Lasts: "8h"})
	b.must(err)
	all, err := b.Access(context.Background(), who("bo"), false)
	b.must(err)
	if len(all) != 1 {
		t.Fatal(all)
	}
	var ended atomic.Bool
	together(9, func(i int) error {
		if i == 0 {
			err := b.EndAccess(context.Background(), who("bo"), all[0].ID)
			ended.Store(true)
			return err
		}
		before := ended.Load()
		in := attempt("a")
		in.Request = elevation.NewRequestID(day.Add(time.Duration(i)))
		a, err := b.Draft(context.Background(), ep, in)
		if before && a.Decided {
			t.Error("decided by what was ended")
		}
		return err
	})
	in := attempt("a")
	a, err := b.Draft(context.Background(), ep, in)
	if err != nil || a.Decided {
		t.Errorf("afterwards: %+v %v", a, err)
	}
	dee := who("dee")
	dee.Scope = map[string]string{"role": "db"}
	if err := b.EndAccess(context.Background(), dee, all[0].ID); !errors.Is(err, elevation.ErrNotFound) {
		t.Errorf("outside the scope: %v", err)
	}
	if err := b.EndAccess(context.Background(), who("audrey", auth.Auditor), all[0].ID); !errors.Is(err, elevation.ErrNotAllowed) {
		t.Errorf("by an auditor: %v", err)
	}
}
