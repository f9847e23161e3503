package tamper

import "github.com/assent-epm/assent/agent/localgroup"

func (l *look) all() { l.mac(system{}) }

// system is this machine.
type system struct{}

func (system) administrators() (string, []localgroup.Member, error) {
	members, err := localgroup.Administrators{}.Members()
	return localgroup.MacAdmin, members, err
}
