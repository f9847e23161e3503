package privilege

import (
	"os"
	"testing"
)

func TestComesFrom(t *testing.T) {
	v := newVillage()
	v.begins(10, 1, "1001", 1)
	v.begins(11, 10, "1001", 1)
	v.begins(12, 11, "1001", 1)
	v.begins(13, 12, "1001", 1)
	v.begins(14, 13, "1001", 1)
	v.begins(20, 1, "1001", 1)
	look := func(pid int) (int, uint64, error) {
		k, err := v.look(pid)
		return k.parent, k.started, err
	}
	first := v.all[10].started
	for pid, want := range map[int]bool{10: true, 11: true, 12: true, 13: true, 14: false, 20: false, 1: false, 0: false, -5: false, 99: false} {
		if got := comesFrom(look, pid, 10, first); got != want {
			t.Errorf("%d: %v", pid, got)
		}
	}
	if comesFrom(look, 11, 10, first+1) || comesFrom(look, 1, 1, 0) {
		t.Error("of another one with that number")
	}
	v.begins(10, 1, "1001", 1) // the number is given again, after its children began
	if comesFrom(look, 11, 10, v.all[10].started) {
		t.Error("of a parent that is younger")
	}
	me, parent := os.Getpid(), os.Getppid()
	began, err := Started(parent)
	if err != nil {
		t.Skip(err)
	}
	if ComesFrom(me, parent, began) != (parent > 1) { // the first process of a machine started everybody
		t.Errorf("of this very process, which %d started", parent)
	}
	if ComesFrom(me, parent, began+1) || ComesFrom(parent, me, began) {
		t.Error("of this very process")
	}
}
