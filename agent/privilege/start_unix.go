//go:build !windows

package privilege

// checkPeople is what a spec says of people on this system.
func (s Spec) checkPeople() error { return s.checkUnix() }
