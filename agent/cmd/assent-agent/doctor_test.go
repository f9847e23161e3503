package main

import (
	"errors"
	"strings"
	"testing"

	"github.com/assent-epm/assent/agent/link"
	"github.com/assent-epm/assent/agent/local"
)

func TestIdentityCheck(t *testing.T) {
	for _, c := range []struct {
		err         error
		level, hint string
	}{
		{nil, checkOK, ""},
		{link.ErrNotEnrolled, checkFail, "--token"},
		{link.ErrIdentity, checkFail, "--force"},
	} {
		if got := identityCheck(c.err); got.Level != c.level || !strings.Contains(got.Hint, c.hint) {
			t.Errorf("%v: %+v", c.err, got)
		}
	}
}

// What the agent says of itself is told with what to do about it.
func TestAgentChecks(t *testing.T) {
	names := func(list []check) string {
		var all []string
		for _, c := range list {
			all = append(all, c.Level+" "+c.Name)
		}
		return strings.Join(all, ", ")
	}
	for _, c := range []struct {
		status  local.Status
		err     error
		want    string
		answers bool
	}{
		{local.Status{}, errors.New("nobody is there"), "fail agent", false},
		{local.Status{Connected: true, Mode: "ask"}, nil, "ok controller, ok mode", true},
		{local.Status{Mode: "ask"}, nil, "warn controller, ok mode", true},
		{local.Status{Connected: true, Locked: "lost"}, nil, "ok controller, warn lock, ok mode", true},
	} {
		if list, answers := agentChecks(c.status, c.err); names(list) != c.want || answers != c.answers {
			t.Errorf("%+v: %s, %v", c.status, names(list), answers)
		}
	}
}

func TestRightsAndWhatIsMissing(t *testing.T) {
	if rightsCheck(nil).Level != checkOK || rightsCheck(errors.New("no")).Level != checkFail {
		t.Error("rights are told wrongly")
	}
	if list := missingChecks([]string{"a", "b"}); len(list) != 2 || list[0].Level != checkWarn || list[1].Text != "b" {
		t.Errorf("%+v", list)
	}
	if list := heldChecks(local.Status{Containment: "job"}, nil); !strings.Contains(list[len(list)-1].Text, "job") {
		t.Errorf("%+v", list)
	}
	if list := heldChecks(local.Status{}, errors.New("nobody is there")); len(list) != 1 || list[0].Level != checkFail {
		t.Errorf("%+v", list)
	}
}
