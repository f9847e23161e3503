package tamper

import (
	"os"
	"path"
	"strings"

	"github.com/assent-epm/assent/agent/localgroup"
)

func (l *look) all() {
	l.admins(system{})
	l.names(Account, "/private/var/db/dslocal/nodes/Default/users") // what is in them changes with each log-in
	for what, places := range map[string][]string{
		Sudoers: {"/etc/sudoers", "/etc/sudoers.d", "/etc/sudo.conf"},
		Service: {"/Library/LaunchDaemons", "/Library/LaunchAgents", "/Library/StartupItems", "/Library/PrivilegedHelperTools"},
		Cron:    {"/etc/crontab", "/usr/lib/cron/tabs", "/private/var/at/tabs", "/etc/periodic", "/etc/periodic.conf", "/etc/emond.d"},
		PAM:     {"/etc/pam.d"},
		Keys:    {"/etc/ssh"},
		Loader:  {"/Library/Security/SecurityAgentPlugins", "/Library/DirectoryServices/PlugIns"},
	} {
		for _, p := range places {
			l.folder(what, p, 0)
		}
	}
}

// system is this machine.
type system struct{}

func (system) administrators() (string, []localgroup.Member, error) {
	members, err := localgroup.Administrators{}.Members()
	return localgroup.MacAdmin, members, err
}

// names adds who has a file in a folder.
func (l *look) names(what, dir string) {
	entries, err := os.ReadDir(path.Join(l.root, dir))
	if err != nil {
		l.fault(dir + " can not be looked at")
		return
	}
	for _, e := range entries {
		l.add(what, strings.TrimSuffix(e.Name(), ".plist"), "", "")
	}
}
