package tray

import (
	"reflect"
	"runtime"
	"testing"
)

// TestEntry: what a person would choose from a desktop's menu, and nothing else.
func TestEntry(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("entries of a desktop have paths of Unix")
	}
	find := func(name string) string {
		if name == "gparted" {
			return "/usr/sbin/gparted"
		}
		return ""
	}
	for _, tt := range []struct {
		name, text string
		want       Program
		ok         bool
	}{
		{"a program", "[Desktop Entry]\nType=Application\nName=Disks\nName[de]=Laufwerke\nExec=/usr/bin/gnome-disks --x %U\n", Program{Name: "Laufwerke", Path: "/usr/bin/gnome-disks", Args: []string{"--x"}}, true},
		{"found by its name", "[Desktop Entry]\nName=GParted\nExec=pkexec gparted %f\n", Program{Name: "GParted", Path: "/usr/sbin/gparted"}, true},
		{"with variables", "[Desktop Entry]\nName=GParted\nExec=env A=b \"gparted\"\n", Program{Name: "GParted", Path: "/usr/sbin/gparted"}, true},
		{"actions do not count", "[Desktop Entry]\nName=GParted\nExec=gparted\n[Desktop Action x]\nName=Other\nExec=/bin/other\n", Program{Name: "GParted", Path: "/usr/sbin/gparted"}, true},
		{"not there", "[Desktop Entry]\nName=X\nExec=missing\n", Program{}, false},
		{"not shown", "[Desktop Entry]\nName=X\nNoDisplay=true\nExec=gparted\n", Program{}, false},
		{"a link", "[Desktop Entry]\nType=Link\nName=X\nExec=gparted\n", Program{}, false},
		{"nothing", "", Program{}, false},
	} {
		got, ok := Entry(tt.text, "de", find)
		if ok != tt.ok || ok && !reflect.DeepEqual(got, tt.want) {
			t.Errorf("%s: %+v %v", tt.name, got, ok)
		}
	}
	sorted := Sorted([]Program{{Name: "b", Path: "/b"}, {Name: "A", Path: "/a"}, {Name: "a2", Path: "/a"}})
	if len(sorted) != 2 || sorted[0].Name != "A" {
		t.Errorf("sorted %+v", sorted)
	}
}
