package sim

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/wire"
)

// line is what is written down, one JSON object each. Kind is acknowledged,
// decision, closed, joined, failed, duplicate, unverified or summary.
type line struct {
	Kind      string              `json:"kind"`
	At        time.Time           `json:"at"`
	Request   elevation.RequestID `json:"request,omitempty"`
	Endpoint  string              `json:"endpoint,omitempty"`
	User      string              `json:"user,omitempty"`
	LatencyUS int64               `json:"latency_us,omitempty"` // from the instant the request was due
	Verdict   elevation.Verdict   `json:"verdict,omitempty"`
	By        string              `json:"by,omitempty"`
	Rule      bool                `json:"rule,omitempty"`
	Grant     elevation.GrantID   `json:"grant,omitempty"`
	Joined    elevation.RequestID `json:"joined,omitempty"`
	Why       string              `json:"why,omitempty"`
}

// Latency describes a distribution, in microseconds.
type Latency struct {
	Count int64 `json:"count"`
	P50   int64 `json:"p50_us"`
	P90   int64 `json:"p90_us"`
	P99   int64 `json:"p99_us"`
	P999  int64 `json:"p999_us"`
	Max   int64 `json:"max_us"`
}

// Summary is what happened.
type Summary struct {
	Kind          string  `json:"kind"` // "summary"
	Endpoints     int     `json:"endpoints"`
	Seconds       float64 `json:"seconds"`
	Raised        int64   `json:"raised"`
	Acknowledged  int64   `json:"acknowledged"`
	Approved      int64   `json:"approved"`
	Denied        int64   `json:"denied"`
	Closed        int64   `json:"closed"`
	Joined        int64   `json:"joined"`
	Failed        int64   `json:"failed"`
	Unanswered    int64   `json:"unanswered"` // when the simulation ended
	Retried       int64   `json:"retried"`    // the controller asked for it
	Connections   int64   `json:"connections"`
	Ended         int64   `json:"ended"`      // uses of grants
	Revoked       int64   `json:"revoked"`    // of them
	Unverified    int64   `json:"unverified"` // grants and revocations that must not be acted on
	Duplicates    int64   `json:"duplicates"` // decisions that came twice
	Questions     int64   `json:"questions"`
	Amended       int64   `json:"amended"` // uses that got more time
	Unasked       int64   `json:"unasked"` // grants for requests that were made elsewhere
	Policies      int64   `json:"policies"`
	Acknowledging Latency `json:"acknowledging"`
	ByRule        Latency `json:"by_rule"`   // until the decision
	ByPerson      Latency `json:"by_person"` // with the time the person took
}

// Sound reports whether everything that must hold did: each grant verified, no
// decision came twice, nothing failed.
func (s Summary) Sound() bool { return s.Unverified == 0 && s.Duplicates == 0 && s.Failed == 0 }

func (s Summary) String() string {
	row := func(name string, l Latency) string {
		if l.Count == 0 {
			return ""
		}
		ms := func(us int64) float64 { return float64(us) / 1000 }
		return fmt.Sprintf("%-16s %8d   p50 %.2f ms   p90 %.2f ms   p99 %.2f ms   p99.9 %.2f ms   max %.2f ms\n", name, l.Count,
			ms(l.P50), ms(l.P90), ms(l.P99), ms(l.P999), ms(l.Max))
	}
	return fmt.Sprintf("%d endpoints, %.1f s, %d connections\nraised %d, acknowledged %d, approved %d, denied %d, closed %d, joined %d, failed %d, unanswered %d, retried %d\n",
		s.Endpoints, s.Seconds, s.Connections, s.Raised, s.Acknowledged, s.Approved, s.Denied, s.Closed, s.Joined, s.Failed, s.Unanswered, s.Retried) +
		fmt.Sprintf("uses ended %d (revoked %d), not verified %d, duplicates %d\n", s.Ended, s.Revoked, s.Unverified, s.Duplicates) +
		fmt.Sprintf("questions %d, uses made longer %d, grants not asked for %d, policies %d\n", s.Questions, s.Amended, s.Unasked, s.Policies) +
		row("acknowledged", s.Acknowledging) + row("decided by rule", s.ByRule) + row("by a person", s.ByPerson)
}

// recorder writes lines and counts.
type recorder struct {
	ids io.Writer

	mu       sync.Mutex // guards the fields below
	out      *bufio.Writer
	err      error // the first of writing
	began    time.Time
	sum      Summary
	opened   int64
	seen     map[elevation.RequestID]bool // decided
	ack      *hdrhistogram.Histogram
	byRule   *hdrhistogram.Histogram
	byPerson *hdrhistogram.Histogram
}

func newRecorder(cfg Config) *recorder {
	day := (24 * time.Hour).Microseconds()
	r := &recorder{ids: cfg.IDs, began: time.Now(), seen: map[elevation.RequestID]bool{},
		ack: hdrhistogram.New(1, day, 3), byRule: hdrhistogram.New(1, day, 3), byPerson: hdrhistogram.New(1, day, 3)}
	if cfg.Lines != nil {
		r.out = bufio.NewWriterSize(cfg.Lines, 64<<10)
	}
	return r
}

func (r *recorder) begin() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.began = time.Now()
}

func (r *recorder) putLocked(v any) {
	if r.out == nil {
		return
	}
	raw, err := json.Marshal(v)
	if err == nil {
		_, err = r.out.Write(append(raw, '\n'))
	}
	if r.err == nil {
		r.err = err
	}
}

func (r *recorder) add(field func(*Summary)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	field(&r.sum)
}

func (r *recorder) connected() { r.add(func(s *Summary) { s.Connections++ }) }
func (r *recorder) retried()   { r.add(func(s *Summary) { s.Retried++ }) }

func (r *recorder) raised() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sum.Raised++
	r.opened++
}

func (r *recorder) answered() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.opened--
}

func (r *recorder) open() int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.opened
}

func (r *recorder) ended(why elevation.EndReason) {
	r.add(func(s *Summary) {
		s.Ended++
		if why == elevation.RevokedEnd {
			s.Revoked++
		}
	})
}

func (r *recorder) wasDecided(id elevation.RequestID) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.seen[id]
}

// about begins a line of a request; r.mu is held.
func about(kind string, e *endpoint, q *request, at time.Time) line {
	return line{Kind: kind, At: at.UTC(), Request: q.attempt.Request, Endpoint: e.f.hostname(e.n), User: q.user,
		LatencyUS: max(at.Sub(q.due).Microseconds(), 1)}
}

// acknowledged writes the id before any further request is sent: a request that
// the controller has acknowledged is never unknown to whoever kills it.
func (r *recorder) acknowledged(e *endpoint, q *request) error {
	now := time.Now()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ids != nil {
		if _, err := fmt.Fprintln(r.ids, q.attempt.Request); err != nil {
			return fmt.Errorf("write an acknowledged id: %w", err)
		}
	}
	l := about("acknowledged", e, q, now)
	r.sum.Acknowledged++
	r.recordLocked(r.ack, l.LatencyUS)
	r.putLocked(l)
	return nil
}

func (r *recorder) recordLocked(h *hdrhistogram.Histogram, us int64) {
	if err := h.RecordValue(min(us, h.HighestTrackableValue())); err != nil && r.err == nil {
		r.err = err
	}
}

func (r *recorder) decided(e *endpoint, q *request, m wire.Decision, grant elevation.GrantID, bad error, at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := about("decision", e, q, at)
	l.Verdict, l.By, l.Rule, l.Grant = m.Verdict, m.By, m.Rule, grant
	r.seen[m.Request] = true
	h := r.byPerson
	if m.Rule {
		h = r.byRule
	}
	r.recordLocked(h, l.LatencyUS)
	if m.Verdict == elevation.Approved {
		r.sum.Approved++
	} else {
		r.sum.Denied++
	}
	if bad != nil {
		r.sum.Unverified++
		l.Kind, l.Why = "unverified", bad.Error()
	}
	r.putLocked(l)
}

func (r *recorder) closed(e *endpoint, q *request, m wire.Closed) {
	r.note(e, q, "closed", string(m.Why), func(s *Summary) { s.Closed++ })
}

func (r *recorder) failed(e *endpoint, q *request, why string) {
	r.note(e, q, "failed", why, func(s *Summary) { s.Failed++ })
}

func (r *recorder) note(e *endpoint, q *request, kind, why string, count func(*Summary)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := about(kind, e, q, time.Now())
	l.Why = why
	count(&r.sum)
	r.putLocked(l)
}

func (r *recorder) joined(e *endpoint, q *request, other elevation.RequestID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := about("joined", e, q, time.Now())
	l.Joined = other
	r.sum.Joined++
	r.putLocked(l)
}

func (r *recorder) doubled(e *endpoint, id elevation.RequestID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sum.Duplicates++
	r.putLocked(line{Kind: "duplicate", At: time.Now().UTC(), Request: id, Endpoint: e.f.hostname(e.n)})
}

func (r *recorder) unverified(e *endpoint, id elevation.RequestID, why string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sum.Unverified++
	r.putLocked(line{Kind: "unverified", At: time.Now().UTC(), Request: id, Endpoint: e.f.hostname(e.n), Why: why})
}

// finish writes the summary and gives it back.
func (r *recorder) finish(endpoints int) (Summary, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.sum.Kind, r.sum.Endpoints, r.sum.Seconds = "summary", endpoints, time.Since(r.began).Seconds()
	r.sum.Unanswered = r.opened
	r.sum.Acknowledging, r.sum.ByRule, r.sum.ByPerson = describe(r.ack), describe(r.byRule), describe(r.byPerson)
	r.putLocked(r.sum)
	if r.out != nil {
		r.err = errors.Join(r.err, r.out.Flush())
	}
	return r.sum, r.err
}

func describe(h *hdrhistogram.Histogram) Latency {
	if h.TotalCount() == 0 {
		return Latency{}
	}
	return Latency{Count: h.TotalCount(), P50: h.ValueAtQuantile(50), P90: h.ValueAtQuantile(90), P99: h.ValueAtQuantile(99),
		P999: h.ValueAtQuantile(99.9), Max: h.Max()}
}
