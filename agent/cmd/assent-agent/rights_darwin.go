package main

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"

	"github.com/assent-epm/assent/agent/authright"
	"github.com/assent-epm/assent/agent/localgroup"
	"github.com/assent-epm/assent/agent/mactool"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/agent/standing"
)

func authRights(set *settings, log *slog.Logger) authright.DB {
	return authright.DB{Dir: filepath.Join(set.data, "authrights"), Tools: mactool.System{}, Log: log}
}

// holdRights keeps the authorization rights as the policy and the configuration say.
func (p *parts) holdRights(ctx context.Context) error {
	return authright.Holder{DB: authRights(p.set, p.log), File: p.file.Rights, Due: p.policyDue,
		Policy: func() map[string]authright.Level { return p.agent.Policy().Rights }}.Run(ctx)
}

// undoHere puts back what only macOS has; for removal.
func undoHere(ctx context.Context, set *settings, log *slog.Logger) error {
	return authRights(set, log).Restore(ctx)
}

// lookAtAuthRights tells of the authorization rights that are set.
func lookAtAuthRights(ctx context.Context, set *settings, f file) []check {
	states, err := authRights(set, slog.New(slog.DiscardHandler)).States(ctx)
	if err != nil {
		return []check{{"authorization rights", checkFail, err.Error(), "run it as root"}}
	}
	return rightChecks(authright.Wanted(f.Rights, policyRights(set)), states)
}

// examinationsHere are of macOS alone.
func examinationsHere() []examination {
	return []examination{lookAtTools, lookAtAdmins, lookAtSudo, lookAtAuthRights}
}

// lentSudo is where sudo is lent rules, "" where it does not read them. They are for this
// very program.
func lentSudo() (string, error) {
	return lending(sudoersDir, func() (bool, error) { return standing.Includes("", sudoersDir) }, os.Executable, privilege.RootOnly)
}

// lookAtSudo looks whether sudo can be lent rules.
func lookAtSudo(context.Context, *settings, file) []check { return []check{sudoCheck(lentSudo())} }

// lookAtTools looks whether the programs that the agent asks can be trusted.
func lookAtTools(context.Context, *settings, file) []check { return toolChecks(privilege.RootOnly) }

// lookAtAdmins tells who is administrator, as the directory says.
func lookAtAdmins(context.Context, *settings, file) []check {
	return adminChecks(localgroup.Administrators{})
}
