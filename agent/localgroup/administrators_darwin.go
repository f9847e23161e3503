package localgroup

import "github.com/assent-epm/assent/agent/mactool"

// Administrators is the administrators' group of this machine.
type Administrators struct{}

var _ Group = Administrators{}

func (Administrators) here() MacAdmins { return MacAdmins{Tools: mactool.System{}} }

// Name is what this machine calls its administrators.
func (g Administrators) Name() (string, error) { return g.here().Name() }

// Members lists the group.
func (g Administrators) Members() ([]Member, error) { return g.here().Members() }

// Add puts an account into the group.
func (g Administrators) Add(sid string) error { return g.here().Add(sid) }

// Remove takes one out.
func (g Administrators) Remove(sid string) error { return g.here().Remove(sid) }

// ForgetName takes out an entry under a name alone.
func (g Administrators) ForgetName(name string) error { return g.here().ForgetName(name) }

// Identify is the SID of a user of this machine: their GeneratedUID.
func Identify(user string) (sid string, err error) { return Administrators{}.here().Identify(user) }

// Directory lists the accounts and groups of this machine.
func Directory() ([]Person, []Gathering, error) { return Administrators{}.here().Directory() }
