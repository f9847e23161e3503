package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/assent-epm/assent/agent"
	"github.com/assent-epm/assent/agent/authright"
	"github.com/assent-epm/assent/agent/localgroup"
	"github.com/assent-epm/assent/agent/mactool"
	"github.com/assent-epm/assent/shared/inert"
)

// toolChecks looks whether the programs of macOS are there and nobody's but root's.
func toolChecks(rootOnly func(string) (bool, error)) (list []check) {
	for _, tool := range mactool.All() {
		only, err := rootOnly(string(tool))
		switch {
		case err != nil:
			list = append(list, check{"programs", checkFail, fmt.Sprintf("%s can not be looked at: %v", tool, err), "repair macOS: it is a part of it"})
		case !only:
			list = append(list, check{"programs", checkFail, fmt.Sprintf("%s can be changed by others than root", tool), "repair macOS, and find out who changed it"})
		}
	}
	if len(list) == 0 {
		list = []check{{"programs", checkOK, "the programs of macOS that the agent asks are there", ""}}
	}
	return list
}

// lending is the folder of sudo's rules where sudo can be lent one: it reads them,
// and the program that it would start is root's alone. "" is of sudo that reads none.
func lending(dir string, reads func() (bool, error), own func() (string, error), rootOnly func(string) (bool, error)) (string, error) {
	read, err := reads()
	if err != nil || !read {
		return "", err
	}
	program, err := own()
	if err != nil {
		return "", err
	}
	if only, err := rootOnly(program); err != nil || !only {
		return "", errors.Join(fmt.Errorf("others than root can change %s", program), err)
	}
	return dir, nil
}

// sudoCheck tells whether programs can have the person's own terminal, by sudo.
func sudoCheck(dir string, err error) check {
	switch {
	case err != nil:
		return check{"sudo", checkWarn, "sudo is not lent rules: " + err.Error(), "what runs has no terminal of its own until that is mended"}
	case dir == "":
		return check{"sudo", checkWarn, "sudo reads no folder of rules", "add `#includedir /private/etc/sudoers.d` to /etc/sudoers by visudo, and programs get the person's own terminal"}
	}
	return check{"sudo", checkOK, "assent run gives a program the person's own terminal, by a rule of a moment in " + dir, ""}
}

// adminChecks tells who is in the administrators' group.
func adminChecks(g localgroup.Group) []check {
	members, err := g.Members()
	if err != nil {
		return []check{{"administrators", checkFail, err.Error(), "nobody can be made administrator for a while until the directory answers"}}
	}
	var can []string
	for _, m := range members {
		if !m.Disabled && m.Kind != localgroup.Unknown {
			can = append(can, inert.Text(m.Name))
		}
	}
	if len(can) == 0 {
		return []check{{"administrators", checkWarn, "nobody who can log on is administrator", "give one back: assent-agent give-back"}}
	}
	return []check{{"administrators", checkOK, "administrators: " + strings.Join(can, ", "), ""}}
}

// policyRights are the authorization rights that the policy in force names; one that
// can not be read is told by others.
func policyRights(set *settings) map[string]authright.Level {
	p, err := agent.ReadPolicy(set.data)
	if err != nil {
		return nil
	}
	return p.Rights
}

// lookAtForeignRights says that a policy names rights that only macOS has.
func lookAtForeignRights(_ context.Context, set *settings, _ file) []check {
	n := len(policyRights(set))
	if n == 0 {
		return nil
	}
	return []check{{"authorization rights", checkWarn, fmt.Sprintf("the policy names %d authorization rights, which only macOS has: they are ignored here", n),
		"give the Macs a policy of their own, by a label"}}
}

// rightChecks compares the authorization rights that are wanted with those that are
// set.
func rightChecks(want map[string]authright.Level, states []authright.State) (list []check) {
	set := map[string]bool{}
	for _, s := range states {
		set[s.Right] = true
		switch level, wanted := want[s.Right]; {
		case !wanted || level != s.Level:
			list = append(list, check{"authorization rights", checkWarn, fmt.Sprintf("%s is for %s, and not what the policy and the configuration say", s.Right, s.Level), "restart the agent"})
		case !s.Holds:
			list = append(list, check{"authorization rights", checkWarn, fmt.Sprintf("%s was changed by somebody else", s.Right), "the agent sets it again within minutes; look who changes it"})
		default:
			list = append(list, check{"authorization rights", checkOK, fmt.Sprintf("%s is for %s", s.Right, s.Level), ""})
		}
	}
	for _, right := range slices.Sorted(maps.Keys(want)) {
		if !set[right] {
			list = append(list, check{"authorization rights", checkWarn, right + " is not set", "look into the log of the agent: this version of macOS may have no such right"})
		}
	}
	return list
}
