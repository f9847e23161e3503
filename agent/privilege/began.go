package privilege

import "errors"

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

// late is what it means that nothing more came in the time that there was.
func (f *frontSteps) late() error {
	if f.started {
		return nil
	}
	return ErrNotBegun
}
