package main

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"
)

func TestSchedulerOfWindows(t *testing.T) {
	data := filepath.Join(t.TempDir(), "of Assent")
	contractOfTasks(t, taskScheduler{t.Context(), data}, func() int {
		left, err := os.ReadDir(data)
		if err != nil {
			t.Fatal(err)
		}
		return len(left)
	})
}

// The scheduler takes the task as it was meant, in place of an older one, and lets
// it go.
func TestReaperIsScheduled(t *testing.T) {
	set := &settings{data: filepath.Join(t.TempDir(), "of Assent")}
	for range 2 {
		if err := installReaper(t.Context(), set, slog.New(slog.DiscardHandler)); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := os.ReadDir(set.data); err != nil || len(left) != 0 {
		t.Errorf("left in the data folder: %v, %v", left, err)
	}
	raw, err := os.ReadFile(system32(`Tasks\` + taskName))
	if err != nil {
		t.Fatal(err)
	}
	text := string(raw) // as Wine keeps it
	if len(raw) > 1 && raw[0] == 0xff && raw[1] == 0xfe {
		var units []uint16
		for i := 2; i+1 < len(raw); i += 2 {
			units = append(units, uint16(raw[i])|uint16(raw[i+1])<<8)
		}
		text = string(utf16.Decode(units))
	}
	at := strings.Index(text, "<")
	if at < 0 {
		t.Fatalf("the scheduler keeps %q", raw)
	}
	f := readTask(t, text[at:])
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if f.Battery != "false" || f.Stop != "false" || f.Limit != "PT0S" || f.Again != "IgnoreNew" || f.On != "true" || len(f.Actions.Any) != 1 {
		t.Errorf("%+v", f)
	}
	// Wine's scheduler keeps neither the trigger nor the program: TestReapTask reads both.
	if does := f.Actions.Any[0]; does.Command != "" && (does.Command != exe || does.Arguments != `reap --boot --data "`+set.data+`"` || f.User != "S-1-5-18") {
		t.Errorf("%+v", f)
	}
	if err := removeReaper(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(system32(`Tasks\` + taskName)); err == nil {
		t.Error("the task is left")
	}
	if err := removeReaper(t.Context()); err != nil {
		t.Errorf("again: %v", err)
	}
}
