package main

import (
	"strings"
	"testing"
	"time"
)

func TestReport(t *testing.T) {
	for _, row := range []struct {
		name   string
		events string
		ok     bool
		want   []string
	}{
		{"a pass", `{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"pass","Package":"p","Elapsed":0.1}`, true, []string{"ok    p (0.1 s)", "1 passed, 0 failed, 0 skipped"}},
		{"a failure shows what the test said", `{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:1: got 1\n"}
{"Action":"fail","Package":"p","Test":"TestA"}
{"Action":"fail","Package":"p"}`, false, []string{"a_test.go:1: got 1", "failed: p TestA", "0 passed, 1 failed, 0 skipped"}},
		{"a package that does not build", `{"Action":"build-output","ImportPath":"p","Output":"p.go:1: undefined\n"}
{"Action":"fail","Package":"p","FailedBuild":"p"}`, false, []string{"undefined", "failed: p: does not build", "1 failed"}},
		{"a package that panics outside its tests", `{"Action":"output","Package":"p","Output":"panic: oh\n"}
{"Action":"fail","Package":"p"}`, false, []string{"panic: oh", "failed: p: ended without a result"}},
		{"a skipped group gets one line", `{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:1: group nspawn: needs root\n"}
{"Action":"skip","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestB","Output":"    a_test.go:2: group nspawn: needs root\n"}
{"Action":"skip","Package":"p","Test":"TestB"}`, true, []string{"skipped group nspawn: needs root (2 tests)", "0 passed, 0 failed, 2 skipped"}},
		{"another skip stays visible", `{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:1: no tun device\n"}
{"Action":"skip","Package":"p","Test":"TestA"}`, true, []string{"skipped p TestA: no tun device"}},
		{"a slow test is named once", `{"Action":"pass","Package":"p","Test":"TestA","Elapsed":31}
{"Action":"pass","Package":"p","Test":"TestA/row","Elapsed":31}`, true, []string{"slow: p TestA took 31 s\ntook"}},
	} {
		t.Run(row.name, func(t *testing.T) {
			var out strings.Builder
			r := newReport(&out)
			if err := r.read(strings.NewReader(row.events)); err != nil {
				t.Fatal(err)
			}
			if got := r.close(time.Second); got != row.ok {
				t.Errorf("all well: got %v, want %v", got, row.ok)
			}
			for _, want := range row.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("the report lacks %q:\n%s", want, out.String())
				}
			}
		})
	}
}

func TestChangesOfSudo(t *testing.T) {
	before := state{"/etc/sudoers": "a", "/etc/sudo.conf": "b"}
	after := state{"/etc/sudoers": "a2", "/etc/sudoers.d/zz-assent-1000-x": "c"}
	got := strings.Join(before.changes(after), ", ")
	want := "/etc/sudo.conf is gone, /etc/sudoers is different, /etc/sudoers.d/zz-assent-1000-x is new"
	if got != want {
		t.Errorf("changes: got %q, want %q", got, want)
	}
	if left := after.leftovers(); len(left) != 1 || left[0] != "/etc/sudoers.d/zz-assent-1000-x" {
		t.Errorf("leftovers: got %q", left)
	}
}
