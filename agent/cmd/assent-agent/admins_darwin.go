package main

import "github.com/assent-epm/assent/agent/localgroup"

// localAdmins is the group whose members are one half of this machine's standing
// rights; sudo's files are the other.
func localAdmins() localgroup.Group { return localgroup.Administrators{} }

// localPeople tells the accounts, which stand in no file.
func localPeople() func() ([]localgroup.Person, []localgroup.Gathering, error) {
	return localgroup.Directory
}
