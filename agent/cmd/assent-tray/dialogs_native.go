//go:build windows || darwin

package main

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/ncruces/zenity"

	"github.com/assent-epm/assent/agent/desktop"
)

// native asks with the system's own dialogs, which have no code of ours.
type native struct{}

// Ask implements desktop's Dialog.
func (native) Ask(ctx context.Context, q desktop.Question) (string, error) {
	options := []zenity.Option{zenity.Context(ctx), zenity.Title(q.Title), zenity.OKLabel(q.OK), zenity.CancelLabel(q.Cancel)}
	var text string
	var err error
	if q.Hidden {
		_, text, err = zenity.Password(append(options, zenity.Title(q.Title+": "+q.Text))...)
	} else {
		text, err = zenity.Entry(q.Text, options...)
	}
	return text, translated(ctx, err)
}

// Tell implements desktop's Dialog.
func (native) Tell(ctx context.Context, title, text string) error {
	return translated(ctx, zenity.Info(text, zenity.Context(ctx), zenity.Title(title), zenity.InfoIcon))
}

func translated(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, zenity.ErrCanceled), errors.Is(err, zenity.ErrExtraButton):
		return desktop.ErrClosed
	}
	return errors.Join(desktop.ErrNoDialog, err)
}

// messages shows what has buttons as a question, since the system's own messages
// have none that we are told of, and the rest as a message.
type messages struct {
	ctx     context.Context
	pressed chan desktop.Press
	work    *sync.WaitGroup

	mu   sync.Mutex // guards open
	open map[string]context.CancelFunc
}

func newMessages(ctx context.Context) *messages {
	return &messages{ctx: ctx, pressed: make(chan desktop.Press, 8), work: &sync.WaitGroup{}, open: map[string]context.CancelFunc{}}
}

// Pressed implements desktop's Notices.
func (m *messages) Pressed() <-chan desktop.Press { return m.pressed }

// Remove implements desktop's Notices.
func (m *messages) Remove(name string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if away := m.open[name]; away != nil {
		away()
		delete(m.open, name)
	}
}

// Show implements desktop's Notices. What else a notice offers that is no question is
// in the menu and in My requests.
func (m *messages) Show(name string, n desktop.Notice) error {
	m.Remove(name)
	if n.IsQuestion() {
		m.ask(name, n)
		return nil
	}
	return zenity.Notify(n.Text, zenity.Title(n.Title), zenity.InfoIcon)
}

// ask shows a notice as a question until it is answered or removed.
func (m *messages) ask(name string, n desktop.Notice) {
	ctx, away := context.WithCancel(m.ctx)
	m.mu.Lock()
	m.open[name] = away
	m.mu.Unlock()
	m.work.Go(func() {
		defer away()
		first, other, later := n.Choice("OK")
		options := []zenity.Option{zenity.Context(ctx), zenity.Title(n.Title), zenity.OKLabel(first.Text), zenity.CancelLabel(later), zenity.QuestionIcon}
		if other.Key != "" {
			options = append(options, zenity.ExtraButton(other.Text))
		}
		pressed := first
		err := zenity.Question(n.Text, options...)
		if errors.Is(err, zenity.ErrExtraButton) {
			pressed, err = other, nil
		}
		if err != nil || ctx.Err() != nil {
			return // later
		}
		select {
		case m.pressed <- desktop.Press{Name: name, Key: pressed.Key}:
		case <-m.ctx.Done():
		}
	})
}

// join takes the session that started this program.
func join(ctx context.Context, _ *slog.Logger) (session, error) {
	m := newMessages(ctx)
	return session{notices: m, dialog: native{}, sits: true, close: m.work.Wait}, nil
}

const browseWithin = 5 * time.Minute

// browse asks for a file with the system's own dialog.
func browse() func(ctx context.Context) (string, error) {
	return func(ctx context.Context) (string, error) {
		ctx, cancel := context.WithTimeout(ctx, browseWithin)
		defer cancel()
		path, err := zenity.SelectFile(zenity.Context(ctx), zenity.Title("Assent"))
		if errors.Is(translated(ctx, err), desktop.ErrClosed) {
			return "", nil
		}
		return path, err
	}
}
