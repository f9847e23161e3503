package notify

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/inert"
)

// Limits of texts.
const (
	maxTitle = 200 // characters
	maxLine  = 300
	maxData  = 12 // lines of an event's details
)

// errHidden means that the recipient is not to be told after all.
var errHidden = errors.New("not for this recipient")

// message makes the message of a group of deliveries to one recipient. left are
// those of the group that are in it; none makes no message.
func (n *Notify) message(ctx context.Context, group []store.Delivery) (m Message, left []store.Delivery, err error) {
	var items []Message
	for _, d := range group {
		item, err := n.one(ctx, d)
		if errors.Is(err, errHidden) {
			continue
		}
		if err != nil {
			return m, nil, fmt.Errorf("make message %s: %w", d.ID, err)
		}
		items, left = append(items, item), append(left, d)
	}
	if len(items) == 0 {
		return m, nil, nil
	}
	m = items[0]
	if len(items) > 1 {
		m = Message{Kind: KindDigest, At: items[len(items)-1].At, To: items[0].To, Items: items, Link: n.cfg.Public() + "/#/requests",
			Title: fmt.Sprintf("%d things happened", happened(left))}
		var lines []string
		for _, item := range items {
			lines = append(lines, item.Title)
		}
		m.Text = strings.Join(lines, "\n")
		m.Dedup = left[0].Batch
	}
	m.ID = cmp.Or(left[0].Batch, left[0].ID)
	return m, left, nil
}

// happened is how many things deliveries tell of.
func happened(list []store.Delivery) int {
	n := 0
	for _, d := range list {
		n += max(d.More, 1)
	}
	return n
}

// more makes the message of a delivery that stands for others, of which it names
// none: what each is, its recipient finds in the lists.
func (n *Notify) more(ctx context.Context, d store.Delivery) (Message, error) {
	to := Recipient{}
	if d.User != "" {
		err := n.cfg.Store.View(ctx, func(tx *store.Tx) error {
			u, err := tx.User(d.User)
			if err == nil && !u.DisabledAt.IsZero() || errors.Is(err, elevation.ErrNotFound) {
				err = errHidden
			}
			if err != nil {
				return err
			}
			p, err := tx.Preferences(u.ID)
			to = recipientOf(u, p)
			return err
		})
		if err != nil {
			return Message{}, err
		}
	}
	return Message{ID: d.ID, Kind: d.Kind, At: d.CreatedAt, To: to, Dedup: d.ID, Link: n.cfg.Public() + "/#/requests",
		Title: "and " + grouped(d.More) + " more", Text: "So many further events came at once and were counted instead of told one by one. The lists and the audit log have all of them."}, nil
}

// grouped is a number with a comma between thousands.
func grouped(n int) string {
	s := strconv.Itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// one makes the message of one delivery as its recipient may see it now.
func (n *Notify) one(ctx context.Context, d store.Delivery) (Message, error) {
	if d.Kind == store.KindMore {
		return n.more(ctx, d)
	}
	reader, to := system(), Recipient{}
	var e *audit.Event
	err := n.cfg.Store.View(ctx, func(tx *store.Tx) error {
		reader, to, e = system(), Recipient{}, nil
		if d.Event > 0 {
			found, err := tx.EventAt(d.Event)
			if err != nil {
				return err
			}
			e = &found
		}
		if d.User == "" {
			return nil
		}
		u, err := tx.User(d.User)
		if err == nil && !u.DisabledAt.IsZero() {
			err = errHidden
		}
		if err != nil {
			return err
		}
		if err := n.stillHears(tx, u, d, e); err != nil {
			return err
		}
		p, err := tx.Preferences(u.ID)
		reader, to = readerOf(u), recipientOf(u, p)
		return err
	})
	var s Shown
	if err == nil {
		s, err = n.cfg.Show(ctx, reader, e, d.Request)
	}
	switch {
	case errors.Is(err, elevation.ErrNotFound), errors.Is(err, elevation.ErrNotAllowed), errors.Is(err, auth.ErrUnauthenticated):
		return Message{}, errHidden
	case err != nil:
		return Message{}, err
	}
	m := Message{ID: d.ID, Kind: d.Kind, At: d.CreatedAt, Event: s.Event, Request: s.Request, To: to, Dedup: string(d.Request), Link: n.cfg.Public() + "/"}
	if e != nil {
		m.At = e.At
	}
	switch {
	case d.Request != "":
		m.Link = n.cfg.Public() + "/#/requests/" + string(d.Request)
		m.Title, m.Text = requestWords(d.Kind, s, n.cfg.Now())
	case e != nil && isReport(e.Kind):
		path := ""
		m.Title, m.Text, path = reportWords(e.Kind, s.Data)
		m.Link = n.cfg.Public() + path
	default:
		m.Title, m.Text = eventWords(d.Kind, s)
	}
	return m, nil
}

// stillHears asks again whether somebody may know of it: rights may have changed
// since the delivery was written.
func (n *Notify) stillHears(tx *store.Tx, u store.User, d store.Delivery, e *audit.Event) error {
	c := cause{kind: d.Kind, event: d.Event, request: d.Request, what: audit.RequestSubmitted}
	if e != nil {
		c.what, c.endpoint = e.Kind, e.Endpoint
	}
	if err := n.read(tx, &c); err != nil {
		return err
	}
	if !mayHear(u, c) {
		return errHidden
	}
	return nil
}

func recipientOf(u store.User, p store.Preferences) Recipient {
	return Recipient{User: u.ID, Name: inert.Clip(inert.Text(cmp.Or(u.Name, u.Login)), maxTitle), Email: u.Email, Phone: p.Notify.Phone}
}

// line makes text of strangers harmless and short.
func line(s string) string { return inert.Clip(inert.Text(s), maxLine) }

// what says what a request asks for.
func what(r *elevation.Request) string {
	s := r.Attempt.Subject
	switch r.Attempt.AccessType {
	case elevation.Session:
		if len(s.Args) > 0 {
			return "a session as " + cmp.Or(s.RunAs, "root") + " for: " + strings.Join(s.Args, " ")
		}
		return "a session as " + cmp.Or(s.RunAs, "root") + " in one terminal"
	case elevation.Admin:
		return "administrator rights"
	}
	return strings.Join(append([]string{path.Base(s.Path)}, s.Args...), " ")
}

// requestWords are title and text about a request.
func requestWords(kind string, s Shown, now time.Time) (title, text string) {
	r := &s.Facts
	who, about := r.Attempt.User.Name, what(r)+" on "+s.Endpoint
	by := ""
	if s.By != "" {
		by = " by " + s.By
	}
	switch kind {
	case audit.RequestSubmitted.String():
		title = who + " asks for " + about
	case KindWaiting:
		title = "Waiting for " + elevation.FormatDuration(now.Sub(r.SubmittedAt).Truncate(time.Second)) + ": " + who + " asks for " + about
	case audit.RequestApproved.String(), audit.RequestDenied.String(), audit.RequestEscalated.String(), audit.RequestCancelled.String(),
		audit.RequestAsked.String(), audit.GrantRevoked.String():
		_, word, _ := strings.Cut(kind, ".")
		title = upper(word) + by + ": " + who + ", " + about
	case audit.EmergencyUsed.String():
		title = "Emergency access: " + who + ", " + about
	default:
		title = upper(strings.NewReplacer(".", " ", "_", " ").Replace(kind)) + ": " + who + ", " + about
	}
	var lines []string
	add := func(name, value string) {
		if value = line(value); value != "" {
			lines = append(lines, name+": "+value)
		}
	}
	add("Who", cmp.Or(r.Attempt.User.Display, who))
	if r.Attempt.Subject.Path == "" {
		add("What", what(r))
	} else {
		add("What", strings.Join(append([]string{r.Attempt.Subject.Path}, r.Attempt.Subject.Args...), " "))
	}
	add("Where", s.Endpoint)
	add("Reason", r.Justification)
	add("Ticket", r.Ticket)
	for _, c := range r.Need.Caution {
		add("Caution", c.Fact)
	}
	if d := r.Decision; d != nil {
		add("Answer", string(d.Verdict)+" by "+d.By.Name)
		add("Comment", d.Comment)
	} else if !r.ExpiresAt.IsZero() {
		add("Expires", r.ExpiresAt.UTC().Format("2006-01-02 15:04 UTC"))
	}
	return inert.Clip(inert.Text(title), maxTitle), strings.Join(lines, "\n")
}

// eventWords are title and text about anything else.
func eventWords(kind string, s Shown) (title, text string) {
	title = upper(strings.NewReplacer(".", " ", "_", " ").Replace(kind))
	if s.Endpoint != "" {
		title += ": " + s.Endpoint
	}
	if s.By != "" {
		title += " by " + s.By
	}
	var lines []string
	for _, k := range slices.Sorted(maps.Keys(s.Data)) {
		if v := line(s.Data[k]); v != "" && len(lines) < maxData {
			lines = append(lines, line(k)+": "+v)
		}
	}
	return inert.Clip(inert.Text(title), maxTitle), strings.Join(lines, "\n")
}

func upper(s string) string {
	if s == "" {
		return s
	}
	return strings.ToUpper(s[:1]) + s[1:]
}
