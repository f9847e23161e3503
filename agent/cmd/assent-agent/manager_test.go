package main

import (
	"errors"
	"testing"

	"github.com/assent-epm/assent/agent/acl"
	"github.com/assent-epm/assent/shared/rules"
)

func TestResumes(t *testing.T) {
	for kind, want := range map[uint32]bool{0: false, 4: false, resumeCritical: true, resumeByPerson: true, powerChanged: false, resumeAutomatic: true, 0x8013: false} {
		if resumes(kind) != want {
			t.Errorf("event %#x: %v", kind, !want)
		}
	}
}

// Whoever else starts the agent has it in the foreground; where nothing is known,
// the manager is asked.
func TestByManager(t *testing.T) {
	for parent, want := range map[string]bool{"services.exe": true, "Services.EXE": true, "cmd.exe": false, "": false, "myservices.exe": false} {
		if byManager(parent, nil) != want {
			t.Errorf("%q: %v", parent, !want)
		}
	}
	if !byManager("", errors.New("no list")) {
		t.Error("without a list of processes it is no service")
	}
}

func TestAdministrator(t *testing.T) {
	if err := administrator(true, nil); err != nil {
		t.Error(err)
	}
	if administrator(false, nil) == nil || administrator(true, errors.New("not known")) == nil {
		t.Error("the agent runs with fewer rights")
	}
}

func TestAsRoot(t *testing.T) {
	if asRoot(0) != nil || asRoot(501) == nil || asRoot(-1) == nil {
		t.Error("who is not root serves")
	}
}

func TestOursAlone(t *testing.T) {
	if err := oursAlone("agent.toml", true, nil); err != nil {
		t.Error(err)
	}
	if oursAlone("agent.toml", false, nil) == nil || oursAlone("agent.toml", true, errors.New("not known")) == nil {
		t.Error("a file of others is read")
	}
}

func TestConfirms(t *testing.T) {
	if got := confirms(true); len(got) != 1 || got[0] != rules.CanConfirm {
		t.Errorf("%v", got)
	}
	if got := confirms(false); got != nil {
		t.Errorf("nobody can show who they are, and it says %v", got)
	}
}

func TestClosed(t *testing.T) {
	ours := acl.List{Owner: "S-1-5-18", Allow: []acl.Entry{{SID: "S-1-5-32-544", Mask: 0x1f01ff}}}
	if is, err := closed(ours, nil); !is || err != nil {
		t.Errorf("%v %v", is, err)
	}
	others := acl.List{Owner: "S-1-5-18", Allow: []acl.Entry{{SID: "S-1-5-11", Mask: 0x1}}}
	if is, err := closed(others, nil); is || err != nil {
		t.Errorf("others read it: %v %v", is, err)
	}
	if is, err := closed(ours, errors.New("no list")); is || err == nil {
		t.Errorf("its list can not be read: %v %v", is, err)
	}
}
