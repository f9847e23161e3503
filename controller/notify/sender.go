// Package notify tells people and other systems what happened: it follows the
// audit log from a saved cursor, finds out which alerts want an event and who may
// know of it, keeps one row for each thing to tell, and sends the rows through
// channels until the other side has taken them.
//
// It decides nothing and changes no request: what it sends carries facts and a
// link. It never tells anybody of what they could not see themselves, and it works
// after the commit, so that no decision waits for it.
//
// Read sender.go for what a channel is given, follow.go for how rows are made,
// told.go for who is told, work.go for how rows are delivered.
package notify

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
)

// Kinds of channels.
const (
	Webhook = "webhook"
	Email   = "email"
	SMS     = "sms"
	Syslog  = "syslog"
)

// Kinds of messages that are no kind of event.
const (
	KindDigest = "digest" // several things at once, see [Message.Items]
	KindTest   = "test"
)

// Message is one thing to tell somebody. Its texts came from people and endpoints
// and are inert: one line without control characters for Title, few lines for Text.
// Each channel still escapes them for its own format.
type Message struct {
	ID      string          // the same in every retry
	Kind    string          // of the event, or one of the kinds above
	At      time.Time       // of the event
	Event   json.RawMessage // as GET /audit has it
	Request json.RawMessage // as GET /requests/{id} has it for the recipient; nil when it is about none
	Title   string
	Text    string
	Link    string // to the console; nothing is decided by opening it
	To      Recipient
	Items   []Message // of a digest, the oldest first
	Dedup   string    // id of the request: what belongs together
}

// Recipient is who is told. Channels that speak to a system and not to people
// have an empty one.
type Recipient struct {
	User  elevation.UserID
	Name  string
	Email string
	Phone string // like +4930123456
}

// Result says more about how a message was taken, with or without an error.
type Result struct {
	Status     int           // of an answer over HTTP or SMTP, 0 when there was none
	RetryAfter time.Duration // not before; 0 when the other side said nothing
	Gone       bool          // the other side does not want any more: the channel is disabled
	Permanent  bool          // trying this message again is of no use
}

// Sender sends messages through one channel. Send is called by one goroutine at a
// time for a channel's rows, and beside that for tests; nil means that the other
// side has taken the message. Its error says what is wrong and never has secrets,
// addresses with paths or what the other side answered.
type Sender interface {
	Send(ctx context.Context, m Message) (Result, error)
}

// Channel is a way to tell people or systems.
type Channel struct {
	ID     string
	Name   string
	Kind   string
	Config json.RawMessage // of its kind, secrets in clear
}

// Deps are what channels are made with.
type Deps struct {
	HTTP   *http.Client                                                         // obeys the rules for going out
	Dial   func(ctx context.Context, network, address string) (net.Conn, error) // so does this one
	Refuse func(host string) error                                              // literal addresses that are refused already when a channel is saved
	Public string                                                               // address of the console
	Log    *slog.Logger
	Now    func() time.Time
}

// open makes the sender of a channel. It checks the whole configuration, with
// errors wrapping [elevation.ErrInvalid], and calls nobody: it is also what
// judges a channel that is saved.
func open(c Channel, deps Deps) (Sender, error) {
	switch c.Kind {
	case Webhook:
		return openWebhook(c, deps)
	case Email:
		return openEmail(c, deps)
	case SMS:
		return openSMS(c, deps)
	case Syslog:
		return openSyslog(c, deps)
	}
	return nil, fmt.Errorf("%w: there is no such kind of channel: %q; there are %s, %s, %s and %s", elevation.ErrInvalid, c.Kind, Webhook, Email, SMS, Syslog)
}

// secretFields are the fields of a kind's configuration that are written and
// never shown.
func secretFields(kind string) []string {
	switch kind {
	case Webhook:
		return []string{"secret", "routing_key"}
	case Email:
		return []string{"password"}
	case SMS:
		return []string{"auth_token"}
	}
	return nil
}
