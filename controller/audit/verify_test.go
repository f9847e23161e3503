package audit

import (
	"archive/zip"
	"bytes"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"
	"time"
)

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

const logged = 40

// folder exports a log of 40 events with a checkpoint after every fifth.
func folder(t *testing.T, letter byte) (dir, key string, m *memory) {
	t.Helper()
	m = newMemory()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	s := newSequencer(t, m, testKey(letter), func() time.Time { return now })
	for i := range logged {
		m.commit(t, event(i+1, now))
		if i%5 == 4 {
			if _, err := s.step(t.Context(), false); err != nil {
				t.Fatal(err)
			}
			now = now.Add(2 * time.Second)
		}
	}
	dir = filepath.Join(t.TempDir(), "log")
	if err := ExportDir(t.Context(), m, s.Key(), dir); err != nil {
		t.Fatal(err)
	}
	return dir, s.Key(), m
}

func lines(t *testing.T, dir, name string) []string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	list := strings.SplitAfter(string(raw), "\n")
	return list[:len(list)-1]
}

func put(t *testing.T, dir, name string, list []string) {
	t.Helper()
	all := strings.Join(list, "")
	if all != "" && !strings.HasSuffix(all, "\n") {
		all += "\n"
	}
	if err := os.WriteFile(filepath.Join(dir, name), []byte(all), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestVerifyGoodLog(t *testing.T) {
	dir, key, m := folder(t, 'a')
	got, err := Verify(dir, Options{Key: key, Remembered: m.checkpoints[2].Note})
	if err != nil {
		t.Fatal(err)
	}
	if got.Events != logged || got.Checkpoints != 8 || got.Cluster != "test" || got.KeyFromFolder || got.Forgotten != 0 {
		t.Errorf("got %+v", got)
	}
	if got, err := Verify(dir, Options{}); err != nil || !got.KeyFromFolder {
		t.Errorf("with the key of the folder: %+v, %v", got, err)
	}
}

func TestVerifyZip(t *testing.T) {
	_, key, m := folder(t, 'a')
	var b bytes.Buffer
	if err := ExportZip(t.Context(), m, key, &b); err != nil {
		t.Fatal(err)
	}
	z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := VerifyFS(z, Options{Key: key}); err != nil || got.Events != logged {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestVerifyForgottenText(t *testing.T) {
	_, key, m := folder(t, 'a')
	m.rows[6].Text = nil
	dir := filepath.Join(t.TempDir(), "log")
	if err := ExportDir(t.Context(), m, key, dir); err != nil {
		t.Fatal(err)
	}
	if got, err := Verify(dir, Options{Key: key}); err != nil || got.Forgotten != 1 {
		t.Errorf("got %+v, %v", got, err)
	}
}

// What somebody may do to an exported folder, and what must be named.
func TestVerifyNamesTheFirstWrongEvent(t *testing.T) {
	edit := func(name string, change func([]string) []string) func(*testing.T, string) {
		return func(t *testing.T, dir string) { put(t, dir, name, change(lines(t, dir, name))) }
	}
	both := func(change func([]string) []string) func(*testing.T, string) {
		return func(t *testing.T, dir string) {
			edit(eventsFile, change)(t, dir)
			edit(leavesFile, change)(t, dir)
		}
	}
	replace := func(line int, old, with string) func([]string) []string {
		return func(l []string) []string {
			if !strings.Contains(l[line-1], old) {
				t.Fatalf("line %d has no %q", line, old)
			}
			l[line-1] = strings.Replace(l[line-1], old, with, 1)
			return l
		}
	}
	remove := func(line int) func([]string) []string {
		return func(l []string) []string { return append(l[:line-1:line-1], l[line:]...) }
	}
	swap := func(a, b int) func([]string) []string {
		return func(l []string) []string { l[a-1], l[b-1] = l[b-1], l[a-1]; return l }
	}
	again := func(line int) func([]string) []string {
		return func(l []string) []string {
			return append(l[:line:line], append([]string{l[line-1]}, l[line:]...)...)
		}
	}
	tests := []struct {
		name   string
		change func(*testing.T, string)
		wrong  Wrong
		seq    uint64
		to     uint64
	}{
		{"data edited", edit(eventsFile, replace(17, `"number":"17"`, `"number":"71"`)), Changed, 17, 0},
		{"text edited", edit(eventsFile, replace(9, `because of`, `in spite of`)), Changed, 9, 0},
		{"actor edited", edit(eventsFile, replace(1, `"name":"host"`, `"name":"ghost"`)), Changed, 1, 0},
		{"space added", edit(eventsFile, replace(3, `"kind":`, `"kind": `)), Changed, 3, 0},
		{"field added", edit(eventsFile, replace(3, `{"seq"`, `{"x":1,"seq"`)), Changed, 3, 0},
		{"number edited", edit(eventsFile, replace(5, `"seq":5`, `"seq":6`)), Changed, 5, 0},
		{"line destroyed", edit(eventsFile, replace(40, `{`, `[`)), Changed, 40, 0},
		{"first removed", edit(eventsFile, remove(1)), Missing, 1, 0},
		{"middle removed", edit(eventsFile, remove(20)), Missing, 20, 0},
		{"last removed", edit(eventsFile, remove(40)), Missing, 40, 0},
		{"neighbours swapped", edit(eventsFile, swap(7, 8)), Reordered, 7, 0},
		{"far ones swapped", edit(eventsFile, swap(3, 33)), Reordered, 3, 0},
		{"repeated", edit(eventsFile, again(12)), Reordered, 13, 0},
		{"emptied", edit(eventsFile, func([]string) []string { return nil }), Missing, 1, 0},
		{"removed with its hash", both(remove(22)), Missing, 22, 0},
		{"swapped with its hash", both(swap(7, 8)), Reordered, 7, 0},
		{"swapped with hash and number", func(t *testing.T, dir string) {
			edit(eventsFile, swap(7, 8))(t, dir)
			edit(eventsFile, replace(7, `"seq":8`, `"seq":7`))(t, dir)
			edit(eventsFile, replace(8, `"seq":7`, `"seq":8`))(t, dir)
			edit(leavesFile, swap(7, 8))(t, dir)
		}, Changed, 6, 10},
		{"cut off with the hashes", both(func(l []string) []string { return l[:30] }), Missing, 31, 35},
		{"hash edited", edit(leavesFile, swap(7, 8)), Reordered, 7, 0},
		{"event after the end", both(again(40)), Added, 41, 0},
		{"checkpoint edited", edit(checkpointsFile, replace(4, `\n20\n`, `\n21\n`)), ForeignKey, 0, 0},
		{"time of a checkpoint edited", edit(checkpointsFile, replace(4, `"at":"2026`, `"at":"2025`)), Changed, 0, 0},
		{"checkpoints swapped", edit(checkpointsFile, swap(1, 2)), Forked, 0, 0},
		{"no checkpoint", edit(checkpointsFile, func([]string) []string { return nil }), Missing, 0, 0},
		{"hash in another spelling", edit(leavesFile, func(l []string) []string {
			const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
			b := []byte(l[3]) // the lowest bit before the padding means nothing
			last := len(b) - 3
			b[last] = alphabet[strings.IndexByte(alphabet, b[last])^1]
			l[3] = string(b)
			return l
		}), Unreadable, 0, 0},
		{"hash unreadable", edit(leavesFile, replace(2, "=", "")), Unreadable, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir, key, _ := folder(t, 'a')
			tt.change(t, dir)
			_, err := Verify(dir, Options{Key: key})
			var f *Fault
			if !errors.As(err, &f) {
				t.Fatalf("got %v, want a fault", err)
			}
			if f.Wrong != tt.wrong || f.Seq != tt.seq || f.To != tt.to && tt.to != f.Seq {
				t.Errorf("got %q %d to %d (%v), want %q %d to %d", f.Wrong, f.Seq, f.To, f, tt.wrong, tt.seq, tt.to)
			}
		})
	}
}

// A whole log, made anew and signed with another key, fits together by itself.
func TestVerifyForeignKey(t *testing.T) {
	_, key, _ := folder(t, 'a')
	foreign, _, _ := folder(t, 'b')
	var f *Fault
	if _, err := Verify(foreign, Options{Key: key}); !errors.As(err, &f) || f.Wrong != ForeignKey {
		t.Errorf("got %v, want %q", err, ForeignKey)
	}
	if got, err := Verify(foreign, Options{}); err != nil || !got.KeyFromFolder {
		t.Errorf("by its own key: %+v, %v; the result must say whose key it was", got, err)
	}
}

// With the right key one can also sign another history: only somebody who
// remembers an older checkpoint can tell.
func TestVerifyForkAndRollback(t *testing.T) {
	dir, key, m := folder(t, 'a')
	fork, _, _ := folder(t, 'a') // other salts and ids: another history
	var f *Fault
	_, err := Verify(fork, Options{Key: key, Remembered: m.checkpoints[3].Note})
	if !errors.As(err, &f) || f.Wrong != Forked {
		t.Errorf("fork: got %v", err)
	}
	for name, n := range map[string]int{eventsFile: 10, leavesFile: 10, checkpointsFile: 2} {
		put(t, dir, name, lines(t, dir, name)[:n])
	}
	if _, err := Verify(dir, Options{Key: key}); err != nil {
		t.Errorf("cut back to a checkpoint, nothing remembered: %v", err)
	}
	_, err = Verify(dir, Options{Key: key, Remembered: m.checkpoints[3].Note})
	if !errors.As(err, &f) || f.Wrong != Missing || f.Seq != 11 || f.To != 20 {
		t.Errorf("rolled back: got %v, want events 11 to 20 missing", err)
	}
	_, err = Verify(dir, Options{Key: key, Remembered: []byte("nonsense")})
	if err == nil {
		t.Error("an unreadable remembered checkpoint was ignored")
	}
}

func TestVerifyLongLine(t *testing.T) {
	dir, key, _ := folder(t, 'a')
	put(t, dir, eventsFile, []string{strings.Repeat("x", maxLine+1)})
	var f *Fault
	if _, err := Verify(dir, Options{Key: key}); !errors.As(err, &f) || f.Wrong != Unreadable {
		t.Errorf("got %v, want %q", err, Unreadable)
	}
	if _, err := Verify(t.TempDir(), Options{Key: key}); !errors.As(err, &f) || f.Wrong != Unreadable {
		t.Errorf("empty folder: got %v, want %q", err, Unreadable)
	}
}

func TestExportFailsOnAHole(t *testing.T) {
	_, key, m := folder(t, 'a')
	m.rows = m.rows[:20]
	if err := ExportZip(t.Context(), m, key, io.Discard); err == nil {
		t.Error("a log with a hole was exported without a word")
	}
}

func FuzzVerifyEvent(f *testing.F) {
	row, err := Seal(event(1, time.Now()))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(row.Leaf, row.Text)
	f.Add([]byte{0xa0}, []byte{0xa0})
	f.Fuzz(func(t *testing.T, leaf, text []byte) {
		e, err := Row{Leaf: leaf, Text: text}.Open()
		if err == nil && (e.ID == "" && e.Kind == 0 && len(leaf) == 0) {
			t.Error("nothing was opened as an event")
		}
	})
}

// Whatever stands in the files: a result or a fault, never a crash, and never a
// result for anything but the log itself.
func FuzzVerify(f *testing.F) {
	m := newMemory()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	s := newSequencer(f, m, testKey('a'), func() time.Time { return now })
	for i := range 3 {
		m.commit(f, event(i, now))
	}
	if _, err := s.step(f.Context(), true); err != nil {
		f.Fatal(err)
	}
	dir := filepath.Join(f.TempDir(), "log")
	if err := ExportDir(f.Context(), m, s.Key(), dir); err != nil {
		f.Fatal(err)
	}
	good := map[string][]byte{}
	for _, name := range []string{eventsFile, leavesFile, checkpointsFile} {
		raw, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			f.Fatal(err)
		}
		good[name] = raw
	}
	f.Add(good[eventsFile], good[leavesFile], good[checkpointsFile])
	f.Add([]byte("{}\n"), good[leavesFile], good[checkpointsFile])
	f.Add([]byte(nil), []byte("\n"), []byte("{}\n"))
	f.Fuzz(func(t *testing.T, events, leaves, checkpoints []byte) {
		files := fstest.MapFS{eventsFile: {Data: events}, leavesFile: {Data: leaves}, checkpointsFile: {Data: checkpoints}}
		r, err := VerifyFS(files, Options{Key: s.Key()})
		var fault *Fault
		if err != nil && !errors.As(err, &fault) {
			t.Errorf("not a fault: %v", err)
		}
		if err == nil && r.Events != 3 {
			t.Errorf("proved %d events that nobody signed", r.Events)
		}
	})
}
