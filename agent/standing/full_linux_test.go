package standing

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Groups that sudo gives everything to are found wherever sudo reads rules, and by
// what the rules mean.
func TestFullGroups(t *testing.T) {
	groups := map[string]string{"etc/group": "root:x:0:\nwheel:x:10:\nsudo:x:27:\nops:x:1200:\nsome:x:1201:\nmost:x:1202:\nadmin:x:1203:\nfar:x:1204:\nlast:x:1205:\n"}
	for name, row := range map[string]struct {
		sudoers string
		files   map[string]string
		want    []string
	}{
		"usual names first": {"Defaults env_reset\n%ops ALL = (ALL : ALL) NOPASSWD: ALL\n%sudo\tALL=(ALL:ALL) ALL\n", nil, []string{"sudo", "ops"}},
		"not everything": {"#%wheel ALL=(ALL) ALL\n%some ALL=(ALL) /usr/bin/apt\n%most ALL=(ALL) ALL, !/bin/su\nbob ALL=(ALL) ALL\n" +
			"%admin elsewhere.example=(ALL) ALL\n%far ALL=(bob) ALL\n%gone ALL=(ALL) ALL\n", nil, nil},
		"lines that go on, names, numbers": {"User_Alias MEN = bob, %ops\nCmnd_Alias THE_LOT = ALL\nMEN ALL = (root) \\\n  THE_LOT\n%#1205 ALL=(ALL) ALL\n", nil, []string{"ops", "last"}},
		"what is included": {"@include /etc/sudoers.local\n#includedir /etc/more.d\n",
			map[string]string{"etc/sudoers.local": "%ops ALL=(ALL) ALL\n", "etc/more.d/far": "%far ALL=(ALL) ALL\n", "etc/more.d/no.conf": "%last ALL=(ALL) ALL\n"}, []string{"ops", "far"}},
		"a folder that nothing includes": {"root ALL=(ALL) ALL\n", map[string]string{"etc/sudoers.d/ops": "%ops ALL=(ALL) ALL\n"}, nil},
		"another account's password":     {"Defaults targetpw\n%sudo ALL=(ALL) ALL\n", nil, nil},
		"an exception":                   {"ALL, !%ops ALL=(ALL) ALL\n", nil, nil},
	} {
		all := files(row.sudoers, groups)
		for path, text := range row.files {
			all[path] = text
		}
		b := newBox(t, all)
		for path := range row.files {
			if err := os.Chmod(filepath.Join(b.root, path), 0o440); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := FullGroups(b.root); err != nil || !slices.Equal(got, row.want) {
			t.Errorf("%s: %v, %v; want %v", name, got, err, row.want)
		}
	}
	b := newBox(t, files("%sudo ALL=(ALL) ALL\n", groups))
	if err := os.Chmod(filepath.Join(b.root, "etc/sudoers"), 0o666); err != nil {
		t.Fatal(err)
	}
	if got, err := FullGroups(b.root); err == nil || len(got) != 0 || !strings.Contains(err.Error(), "can be changed by others than root") {
		t.Errorf("rules that anybody writes: %v, %v", got, err)
	}
}
