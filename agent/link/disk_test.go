package link

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/assent-epm/assent/shared/wire"
)

func TestOutbox(t *testing.T) {
	dir := t.TempDir()
	open := func() *outbox {
		o, err := openOutbox(dir, true, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	o := open()
	for i := range 5 {
		if err := o.add(wire.Report{Text: fmt.Sprint(i)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.accepted(2); err != nil {
		t.Fatal(err)
	}
	o = open()
	if r := firstReport(t, o); r.Seq != 3 || r.Text != "2" || o.len() != 3 {
		t.Fatalf("%+v %d", r, o.len())
	}
	if err := o.accepted(5); err != nil {
		t.Fatal(err)
	}
	o = open() // all accepted: the numbers go on
	if err := o.add(wire.Report{}); err != nil || o.wait[0].n != 6 {
		t.Fatalf("%v %v", o.wait, err)
	}
	if err := o.add(wire.Report{Text: "good"}); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(o.path(6, ".report"), 20); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(o.path(8, ".report.new"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	o = open()
	if r := firstReport(t, o); r.Text != "good" {
		t.Fatalf("a damaged report holds up the others: %+v", r)
	}
	if _, err := os.Stat(o.path(6, ".bad")); err != nil {
		t.Error("the damaged report is not kept aside")
	}
	if _, err := os.Stat(o.path(8, ".report.new")); err == nil {
		t.Error("a half-written report is still there")
	}
	o.wait = make([]waiting, maxReports)
	if err := o.add(wire.Report{}); !errors.Is(err, ErrFull) {
		t.Errorf("got %v", err)
	}
}

// TestOutboxKeepsOrder: what is told besides reports leaves in its turn, also
// after a restart.
func TestOutboxKeepsOrder(t *testing.T) {
	dir := t.TempDir()
	o, err := openOutbox(dir, true, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range []wire.Told{wire.Seen{Kind: wire.SeenAround}, wire.Report{Text: "a"}, wire.Rights{More: 3}, wire.Ordered{Order: "ro_1"}, wire.Used{Rule: "r"}} {
		if err := o.add(m); err != nil {
			t.Fatal(err)
		}
	}
	if err := o.add(wire.Rights{Faults: []string{strings.Repeat("x", wire.MaxFrame)}}); err == nil {
		t.Error("a message that can never be sent was kept")
	}
	if o, err = openOutbox(dir, true, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	for i, want := range []wire.Type{wire.TSeen, wire.TReport, wire.TRights, wire.TOrdered, wire.TUsed} {
		n, raw, ok := o.first()
		f, err := wire.Decode(raw)
		if !ok || err != nil || n != uint64(i+1) || f.Type != want {
			t.Fatalf("number %d: got %d %s %v", i+1, n, f.Type, err)
		}
		if err := o.accepted(n); err != nil {
			t.Fatal(err)
		}
	}
}

// firstReport is the report that leaves next.
func firstReport(t *testing.T, o *outbox) (r wire.Report) {
	t.Helper()
	_, raw, ok := o.first()
	f, err := wire.Decode(raw)
	if err == nil {
		err = f.Into(&r)
	}
	if !ok || err != nil {
		t.Fatal(ok, err)
	}
	return r
}

// TestReportsSurviveKill kills a process with SIGKILL while it stores reports;
// every report whose call had returned must be there.
func TestReportsSurviveKill(t *testing.T) {
	const env = "ASSENT_TEST_OUTBOX"
	if dir := os.Getenv(env); dir != "" {
		o, err := openOutbox(dir, true, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		for {
			if err := o.add(wire.Report{Text: "kept"}); err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(os.Stdout, "stored %d\n", o.wait[len(o.wait)-1].n)
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	last := uint64(0)
	for round := range 5 {
		cmd := exec.Command(self, "-test.run=^TestReportsSurviveKill$")
		cmd.Env = append(os.Environ(), env+"="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); {
			if _, err := fmt.Sscanf(lines.Text(), "stored %d", &last); err == nil {
				if n++; n == 10+round*7 {
					if err := cmd.Process.Kill(); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		cmd.Wait()
		o, err := openOutbox(dir, true, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if uint64(len(o.wait)) < last {
			t.Fatalf("%d reports, %d were stored", len(o.wait), last)
		}
		for i, w := range o.wait {
			if w.n != uint64(i)+1 {
				t.Fatalf("report %d is missing", i+1)
			}
			if _, err := o.readLocked(w); err != nil {
				t.Fatalf("report %d: %v", w.n, err)
			}
		}
	}
}

func TestDamagedFilesAreRefused(t *testing.T) {
	s := newScript(t, nil)
	for name, harm := range map[string]func(dir string, id Identity) error{
		"state cut": func(d string, id Identity) error {
			return os.Truncate(filepath.Join(stateDir(d, id.Endpoint), fileState), 50)
		},
		"state missing": func(d string, id Identity) error {
			return os.Remove(filepath.Join(stateDir(d, id.Endpoint), fileState))
		},
		"state changed": func(d string, id Identity) error {
			path := filepath.Join(stateDir(d, id.Endpoint), fileState)
			raw, err := os.ReadFile(path)
			raw[len(raw)-1] ^= 1
			return errors.Join(err, os.WriteFile(path, raw, 0o600))
		},
		"key readable": func(d string, _ Identity) error { return os.Chmod(filepath.Join(identityDir(d), fileKey), 0o644) },
		"key missing":  func(d string, _ Identity) error { return os.Remove(filepath.Join(identityDir(d), fileKey)) },
		"chain empty":  func(d string, _ Identity) error { return os.Truncate(filepath.Join(identityDir(d), fileChain), 0) },
		"unknown field": func(d string, _ Identity) error {
			return os.WriteFile(filepath.Join(identityDir(d), fileIdentity), []byte(`{"admin": true}`), 0o600)
		},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "key readable" && runtime.GOOS == "windows" {
				t.Skip("Windows has no modes; there the key is protected, see package keep")
			}
			dir, id := enrolled(t, s)
			if err := harm(dir, id); err != nil {
				t.Fatal(err)
			}
			id, err := Load(dir)
			if err == nil {
				_, err = New(Config{Dir: dir, Identity: id, Facts: func() wire.Facts { return wire.Facts{} },
					OnFrame: func(context.Context, wire.Frame) error { return nil }, Log: slog.New(slog.DiscardHandler)})
			}
			if err == nil {
				t.Fatal("damage was not noticed")
			}
		})
	}
}
