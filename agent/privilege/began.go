package privilege

import (
	"context"
	"errors"
)

// ErrNotBegun: a program that was to become sudo has ended, or has not begun anything
// in its time.
var ErrNotBegun = errors.New("sudo has begun nothing")

// frontSteps are what was seen of a process that becomes sudo: it becomes another
// program, and that one starts the command, as a process or by becoming it.
type frontSteps struct{ became, started bool }

// take hears of steps. Several can come at once: a process that has ended with a
// start of another one behind it has run it.
func (f *frontSteps) take(became, started, ended bool) (done bool, err error) {
	if started && (f.became || became) || became && f.became {
		f.started = true
	}
	f.became = f.became || became
	switch {
	case f.started:
		return true, nil
	case ended:
		return true, ErrNotBegun
	}
	return false, nil
}

// frontLooks tells of a process that becomes sudo.
type frontLooks interface {
	// next waits a moment for a step: that it became another program, that it started
	// one, that it has ended. Two that come at once are told as one.
	next() (became, forked, ended bool, err error)
	// called is the name of the program that it is now, "" when that is not known.
	called() string
}

// begins waits until sudo has begun the command, or ctx ends.
func begins(ctx context.Context, of frontLooks) error {
	var seen frontSteps
	for ctx.Err() == nil {
		became, forked, ended, err := of.next()
		if err != nil {
			return err
		}
		if done, err := seen.take(became, forked || became && beyondSudo(of.called()), ended); done {
			return err
		}
	}
	return seen.late()
}

// beyondSudo reports whether a process that has become another program is one that
// sudo has become: a sudo that does so at once has another name by the time it is told.
func beyondSudo(name string) bool { return name != "" && name != "sudo" }

// checkSame refuses a process that is not the one that began then.
func checkSame(now, started uint64, err error) error {
	if err == nil && now != started {
		return ErrNotBegun // another process has its number
	}
	return err
}

// late is what it means that nothing more came in the time that there was.
func (f *frontSteps) late() error {
	if f.started {
		return nil
	}
	return ErrNotBegun
}
