package main

// policy is what Windows does when somebody without rights starts what needs them,
// and what it did before the installation changed that.
type policy interface {
	// changed reports whether the installation changed it, and what it was before;
	// nil: nobody had said anything.
	changed() (before *uint32, is bool, err error)
	now() (*uint32, error) // nil: nobody says anything
	set(*uint32) error     // nil: nobody says anything
	forget() error         // that it was changed
}

// refuse is the value that the installation writes: no question, a refusal.
const refuse = 0

// giveBack makes the policy what it was. What an administrator has said since then
// stays.
func giveBack(p policy) error {
	before, is, err := p.changed()
	if err != nil || !is {
		return err
	}
	now, err := p.now()
	if err != nil {
		return err
	}
	if now != nil && *now == refuse {
		if err := p.set(before); err != nil {
			return err
		}
	}
	return p.forget()
}
