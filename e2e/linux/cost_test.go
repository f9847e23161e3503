package linux

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/e2e/machine"
)

// What an idle agent may cost.
const (
	idleMemory = 15 << 10         // kB, without rules for times without the controller
	idleWatch  = 65 * time.Second // two turns of giving memory back
	idleShare  = 0.001            // of a core
)

// TestE11IdleCost: what a connected agent without a bundle takes while nobody
// elevates, before and after its first uses.
func TestE11IdleCost(t *testing.T) {
	s := machineFor(t, "cost")
	first := s.pss()
	share, idle := s.idles()
	t.Logf("idle, no bundle: %d kB PSS at first, %d kB at most later, %d kB resident, %.4f %% of a core", first, idle, s.resident(), 100*share)
	if idle > idleMemory || share > idleShare {
		t.Errorf("an idle agent has %d kB and takes %.4f %% of a core", idle, 100*share)
	}
	s.rules("rules:\n- name: truth\n  match: {path: /usr/bin/true, args: []}\n  then: approve\n")
	if r := s.as(machine.Alice, "sh", "-c", "for i in $(seq 10); do sudo true || exit 1; done"); r.Code != 0 {
		t.Fatalf("sudo by a rule: %s", r)
	}
	used := s.pss()
	_, again := s.idles()
	t.Logf("after 10 elevations: %d kB PSS, %d kB at most later", used, again)
	if again > idleMemory {
		t.Errorf("an agent that idles again has %d kB", again)
	}
}

// idles watches an agent that nobody needs: what it takes of a core, and the most
// memory that it is seen to have once it gave back what the start needed.
func (s *scene) idles() (share float64, most int) {
	s.t.Helper()
	settled := time.Now()
	s.until(2*idleWatch, func() error { // the start is not idling
		if time.Since(settled) < idleWatch/2 {
			return fmt.Errorf("the start is given %v", idleWatch/2)
		}
		return nil
	})
	begun, used := time.Now(), s.processorTime()
	s.until(2*idleWatch, func() error {
		if time.Since(begun) < idleWatch {
			return fmt.Errorf("it is watched for %v", idleWatch)
		}
		return nil
	})
	took := time.Since(begun)
	share = float64(s.processorTime()-used) / float64(took)
	settled = time.Now()
	s.until(2*idleWatch, func() error { // one turn at other moments than those of giving back
		most = max(most, s.pss())
		if time.Since(settled) < idleWatch/2 {
			return fmt.Errorf("it is looked at for %v", idleWatch/2)
		}
		return nil
	})
	return share, most
}

// processorTime is what the agent has used since its start.
func (s *scene) processorTime() time.Duration {
	s.t.Helper()
	r := s.asRoot("/usr/bin/systemctl", "show", "-p", "CPUUsageNSec", "--value", "assent-agent.service")
	n, err := strconv.ParseInt(strings.TrimSpace(r.Stdout), 10, 64)
	if err != nil {
		s.t.Fatalf("the agent's time: %s", r)
	}
	return time.Duration(n)
}

// resident is what the agent has in memory, shared or not, in kB.
func (s *scene) resident() int {
	s.t.Helper()
	r := s.asRoot("/bin/sh", "-c", "grep ^VmRSS: /proc/$(systemctl show -p MainPID --value assent-agent)/status")
	var kb int
	if _, err := fmt.Sscanf(r.Stdout, "VmRSS: %d kB", &kb); err != nil {
		s.t.Fatalf("the agent's memory: %s", r)
	}
	return kb
}
