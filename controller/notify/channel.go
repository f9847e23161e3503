package notify

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"slices"
	"time"

	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
)

// maxConfig is the largest configuration of a channel in bytes.
const maxConfig = 64 << 10

// purpose binds wrapped secrets to their channel.
func purpose(id string) string { return "channel " + id }

// sender makes the sender of a stored channel.
func (n *Notify) sender(ch store.Channel) (Sender, error) {
	config, err := n.cfg.Unwrap(purpose(ch.ID), ch.Config)
	if err != nil {
		return nil, errors.New("the secrets of the channel can not be read with this controller's key; set them again")
	}
	return n.open(Channel{ID: ch.ID, Name: ch.Name, Kind: ch.Kind, Config: config}, n.deps())
}

// SealChannel checks the configuration of a channel, completes it with those
// secrets of the old one that are left out, and wraps it. made is a secret that
// was made because none was given: it is shown once. Faults wrap
// [elevation.ErrInvalid].
func (n *Notify) SealChannel(id, kind string, old []byte, config json.RawMessage) (sealed []byte, made string, err error) {
	var fields map[string]any
	if err := json.Unmarshal(config, &fields); err != nil || fields == nil {
		return nil, "", fmt.Errorf("%w: the configuration of a channel is an object", elevation.ErrInvalid)
	}
	if old != nil {
		if err := n.keepSecrets(id, kind, old, fields); err != nil {
			return nil, "", err
		}
	}
	if kind == Webhook && fields["secret"] == nil {
		made = newSecret()
		fields["secret"] = made
	}
	whole, err := json.Marshal(fields)
	if err != nil {
		return nil, "", fmt.Errorf("write the configuration of a channel: %w", err)
	}
	if len(whole) > maxConfig {
		return nil, "", fmt.Errorf("%w: the configuration of a channel is larger than %d bytes", elevation.ErrInvalid, maxConfig)
	}
	s, err := n.open(Channel{ID: id, Kind: kind, Config: whole}, n.deps())
	if err != nil {
		return nil, "", err
	}
	if c, ok := s.(io.Closer); ok {
		_ = c.Close()
	}
	if sealed, err = n.cfg.Wrap(purpose(id), whole); err != nil {
		return nil, "", err
	}
	return sealed, made, nil
}

// keepSecrets fills in what was set before and is left out now: secrets, and
// headers without a value. A channel that is sent elsewhere does not take its
// secrets along, or whoever may change it could have them sent to themself.
func (n *Notify) keepSecrets(id, kind string, old []byte, fields map[string]any) error {
	raw, err := n.cfg.Unwrap(purpose(id), old)
	if err != nil {
		return nil // they are lost: what is needed is asked for anew
	}
	var was map[string]any
	if err := json.Unmarshal(raw, &was); err != nil {
		return fmt.Errorf("read the configuration of a channel: %w", err)
	}
	if t, _ := was["template"].(string); kind == Webhook && (fields["url"] == nil || secretURL(t) && fields["url"] == destination(was)+"/") {
		fields["url"] = was["url"]
	}
	if destination(was) != destination(fields) {
		return nil
	}
	for _, f := range secretFields(kind) {
		if fields[f] == nil && was[f] != nil {
			fields[f] = was[f]
		}
	}
	headers, _ := fields["headers"].(map[string]any)
	before, _ := was["headers"].(map[string]any)
	for name, value := range headers {
		if value == "" && before[name] != nil {
			headers[name] = before[name]
		}
	}
	return nil
}

// ChannelTo is where a channel leads, without anything secret.
func (n *Notify) ChannelTo(id string, sealed []byte) string {
	raw, err := n.cfg.Unwrap(purpose(id), sealed)
	var fields map[string]any
	if err != nil || json.Unmarshal(raw, &fields) != nil {
		return ""
	}
	return line(destination(fields))
}

// secretURL reports whether an address of this template is a secret: whoever
// knows it may write into the chat.
func secretURL(template string) bool { return slices.Contains([]string{"slack", "teams"}, template) }

// destination is where a channel leads.
func destination(fields map[string]any) string {
	if text, ok := fields["url"].(string); ok {
		if u, err := url.Parse(text); err == nil {
			return u.Scheme + "://" + u.Host
		}
		return text
	}
	if a, ok := fields["address"].(string); ok {
		return a
	}
	return fmt.Sprintf("%v:%v", fields["host"], fields["port"])
}

// ShowChannel is the configuration of a channel as people may read it: without
// its secrets, with secret_set in their place. The address of a chat's webhook is
// a secret itself and shows its host only.
func (n *Notify) ShowChannel(id, kind string, sealed []byte) (shown json.RawMessage, secretSet bool, err error) {
	raw, err := n.cfg.Unwrap(purpose(id), sealed)
	if err != nil {
		return json.RawMessage("{}"), false, nil // shown like one whose secrets are not set
	}
	var fields map[string]any
	if err := json.Unmarshal(raw, &fields); err != nil {
		return nil, false, fmt.Errorf("read the configuration of a channel: %w", err)
	}
	for _, f := range secretFields(kind) {
		if v, ok := fields[f].(string); ok && v != "" {
			secretSet = true
		}
		delete(fields, f)
	}
	if headers, ok := fields["headers"].(map[string]any); ok {
		for name := range headers {
			headers[name] = ""
		}
	}
	if t, _ := fields["template"].(string); kind == Webhook && secretURL(t) {
		fields["url"] = destination(fields) + "/"
	}
	shown, err = json.Marshal(fields)
	return shown, secretSet, err
}

// TryChannel sends a message through a channel now, to the one who tries it
// where the channel speaks to people.
func (n *Notify) TryChannel(ctx context.Context, by auth.Actor, ch store.Channel) (store.ChannelTest, error) {
	select {
	case n.tests <- struct{}{}:
		defer func() { <-n.tests }()
	default:
		return store.ChannelTest{}, &auth.RateError{Wait: time.Second}
	}
	m := Message{ID: elevation.NewID(store.DeliveryPrefix, n.cfg.Now()), Kind: KindTest, At: n.cfg.Now(), Link: n.cfg.Public() + "/",
		Title: "A test of the channel " + line(ch.Name), Text: "If you read this, the channel works."}
	m.Dedup = m.ID
	err := n.cfg.Store.View(ctx, func(tx *store.Tx) error {
		u, err := tx.User(by.User)
		if err != nil {
			if errors.Is(err, elevation.ErrNotFound) {
				return nil
			}
			return err
		}
		p, err := tx.Preferences(u.ID)
		m.To = recipientOf(u, p)
		return err
	})
	if err != nil {
		return store.ChannelTest{}, err
	}
	began := n.cfg.Now()
	sending, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	s, err := n.sender(ch)
	var res Result
	if err == nil {
		res, err = s.Send(sending, m)
		if c, ok := s.(io.Closer); ok {
			_ = c.Close()
		}
	}
	out := store.ChannelTest{OK: err == nil, Status: res.Status, Took: n.cfg.Now().Sub(began)}
	if err != nil {
		out.Error = errorText(err)
	}
	return out, nil
}
