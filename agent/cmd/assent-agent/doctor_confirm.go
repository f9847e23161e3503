package main

import (
	"context"

	"github.com/assent-epm/assent/agent"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/elevation"
)

// passwords are checked by the system's own programs, and on Linux by the one that
// came with this program.
func passwords() privilege.Passwords { return privilege.Passwords{PAM: companion("assent_pam")} }

// lookAtConfirm says whether people can show who they are the way that the policy
// wants it; a policy that can not be read is told by others.
func lookAtConfirm(_ context.Context, set *settings, _ file) []check {
	p, err := agent.ReadPolicy(set.data)
	if err != nil || p.Confirm != string(elevation.ConfirmPassword) {
		return nil
	}
	return []check{confirmCheck(passwords().Possible())}
}

func confirmCheck(possible bool) check {
	if !possible {
		return check{"confirm", checkFail, "the policy wants a password before anything runs, and none can be checked here", "use confirm: passkey in the policy of this computer"}
	}
	return check{"confirm", checkOK, "passwords can be checked", ""}
}
