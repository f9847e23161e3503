package standing

import "testing"

func TestIncludesAFolder(t *testing.T) {
	for name, row := range map[string]struct {
		sudoers string
		want    bool
	}{
		"named":     {"#includedir /etc/sudoers.d\n", true},
		"beside":    {"@includedir sudoers.d\n", true},
		"not":       {"root ALL=(ALL) ALL\n", false},
		"another":   {"#includedir /etc/other.d\n", false},
		"a comment": {"# #includedir /etc/sudoers.d\n", false},
		"one file":  {"#include /etc/sudoers.d/keeper\n", false},
	} {
		b := newBox(t, files(row.sudoers, map[string]string{"etc/other.d/x": ""}))
		if got, err := Includes(b.root, "/etc/sudoers.d"); got != row.want || err != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	b := newBox(t, files("#includedir /etc/sudoers.d\n", nil))
	if got, err := Includes(b.root, "/etc/none.d"); got || err == nil {
		t.Errorf("a folder that is not there: %v", got)
	}
}
