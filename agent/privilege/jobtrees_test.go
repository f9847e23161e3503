//go:build linux || windows

package privilege

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// trees are those of a village.
func (v *village) trees() *Trees {
	return &Trees{cfg: Config{Realm: "r"}, kind: TreeJob, by: jobTrees{v}}
}

// family is that of contract_test.go, in a village.
func (v *village) family(t *testing.T, trees *Trees, name string) (ref TreeRef, ended <-chan struct{}) {
	t.Helper()
	gone := make(chan struct{})
	v.begins(40, 10, windowsAlice, 2)
	v.all[40].atEnd = func() { close(gone) }
	ref, err := trees.Adopt(t.Context(), name, 1000, 40, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	v.begins(44, 40, windowsAlice, 2)
	for _, pid := range []int{40, 44} {
		if in, err := trees.Holds(ref, pid); !in || err != nil {
			t.Errorf("process %d is in the tree: %v, %v", pid, in, err)
		}
	}
	return ref, gone
}

func TestContractOfTreesInTheVillage(t *testing.T) {
	for _, system := range []bool{true, false} {
		v := newVillage()
		v.system = system
		contract(t, home{v.trees(), v.self(), v.family})
		v.nothingHeld(t)
	}
}

// The end of a tree is told when it was read again and is empty. The front end comes
// last, and what does not end is said.
func TestEndInTheVillage(t *testing.T) {
	for name, row := range map[string]struct {
		front bool
		here  func(v *village)
		err   error
	}{
		"all":                                 {false, func(*village) {}, nil},
		"a front end":                         {true, func(*village) {}, nil},
		"a front end that follows":            {true, func(v *village) { v.all[44].atEnd = func() { v.ends(40) } }, nil},
		"a child that begins as another ends": {true, func(v *village) { v.all[44].atEnd = func() { v.begins(48, 40, windowsAlice, 2) } }, nil},
		"a child that does not end":           {true, func(v *village) { v.all[44].stays = true }, ErrStillAlive},
		"a front end that does not end":       {true, func(v *village) { v.all[40].stays = true }, ErrStillAlive},
		"a job that can not be looked at":     {true, func(v *village) { v.fails["members"] = errBroken }, errBroken},
		"a name that can not be let go":       {false, func(v *village) { v.fails["temporary"] = errBroken }, errBroken},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				v := newVillage()
				trees := v.trees()
				ref, _ := v.family(t, trees, newGrant())
				ref.Front = row.front
				v.all[40].atEnd = func() {
					if left, _ := (jobTrees{v}).members(ref); row.front && row.err == nil && len(left) > 0 {
						t.Errorf("the front end has ended before %v", left)
					}
				}
				row.here(v)
				err := trees.End(t.Context(), ref, Grace)
				if !errors.Is(err, row.err) {
					t.Errorf("%v, want %v", err, row.err)
				}
				if left := len(v.jobs); err == nil && left > 0 {
					t.Errorf("%d jobs are left", left)
				}
				v.nothingHeld(t)
			})
		})
	}
}
