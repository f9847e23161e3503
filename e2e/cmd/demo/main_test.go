package main

import (
	"io"
	"strings"
	"testing"
)

// What the two programs print becomes what a visitor reads: each address once, and
// no promise that it does not keep.
func TestInvitation(t *testing.T) {
	printed := strings.NewReader("console http://localhost:8080\nnoise\nrole approver maria.lopez http://localhost:8080/demo/s/maria.lopez\n" +
		"role security_admin sofia.marin http://localhost:8080/demo/s/sofia.marin\nsign in http://localhost:8080/demo/s/admin\nmore noise\n")
	lines := map[string]string{"console ": "", "role ": "", "sign in ": ""}
	if err := read(printed, lines); err != nil {
		t.Fatal(err)
	}
	text := invitation(places{console: lines["console "], start: lines["sign in "], seats: lines["role "], computer: "http://127.0.0.1:4711"})
	for _, want := range []string{"Start here      http://localhost:8080/demo/s/admin\n", "\n  approver        http://localhost:8080/demo/s/maria.lopez\n",
		"\n  security admin  http://localhost:8080/demo/s/sofia.marin\n", "Your computer   http://127.0.0.1:4711 ", "Console         http://localhost:8080\n"} {
		if strings.Count(text, want) != 1 {
			t.Errorf("it does not say %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "once") {
		t.Errorf("it speaks of links that work once:\n%s", text)
	}
	for line := range strings.Lines(text) {
		if len(line) > 81 {
			t.Errorf("too long for a terminal: %s", line)
		}
	}
}

// A program that ends before it has said where it is says why.
func TestReadOfWhatDidNotStart(t *testing.T) {
	if err := read(strings.NewReader("error: the address is taken\n"), map[string]string{"console ": ""}); err == nil || err.Error() != "error: the address is taken" {
		t.Error(err)
	}
	if err := read(io.MultiReader(), map[string]string{"console ": ""}); err == nil || !strings.Contains(err.Error(), "message above") {
		t.Error(err)
	}
}
