package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// An agent that does nothing gives memory back once, and again only when it has
// grown.
func TestMemoryIsGivenBackWhenItGrew(t *testing.T) {
	var h hoard
	for at, look := range []struct {
		resident int64
		due      bool
	}{
		{9000, true},
		{4000, false}, // what is needed all the time has come back
		{4000, false},
		{4000 + growth, false},
		{4001 + growth, true}, // an elevation
		{4100, false},
		{4300, false},
		{9000, true},
	} {
		if got := h.due(look.resident); got != look.due {
			t.Errorf("look %d, %d pages: %v", at, look.resident, got)
		}
	}
	if n, err := residentPages(); err != nil || n < 100 {
		t.Errorf("%d pages, %v", n, err)
	}
}

// Only what reads the program's file and holds nothing else is let go of.
func TestCleanMappings(t *testing.T) {
	part := func(line, anonymous string) string {
		return line + "\nSize: 4 kB\nRss: 4 kB\nAnonymous:  " + anonymous + " kB\nVmFlags: rd ex\n"
	}
	smaps := part("00400000-00401000 r-xp 00000000 08:01 17 /usr/bin/agent", "0") + // the program
		part("00401000-00402000 r--p 00001000 08:01 17 /usr/bin/agent", "0") +
		part("00402000-00403000 r-xp 00002000 08:01 17 /usr/bin/agent", "4") + // a probe is in it
		part("00403000-00404000 rw-p 00003000 08:01 17 /usr/bin/agent", "0") + // its variables
		part("00404000-00405000 rw-p 00000000 00:00 0", "0") +
		part("7f0000000000-7f0000001000 r-xp 00000000 08:01 18 /usr/bin/other", "0") +
		part("7f0000001000-7f0000002000 r-xp 00000000 08:01 17 /usr/bin/agent (deleted)", "0") +
		part("7f0000002000-7f0000003000 r-xp 00000000 00:00 0 [vdso]", "0")
	got := cleanMappings(strings.NewReader(smaps), "/usr/bin/agent")
	if want := []mapping{{0x400000, 0x401000}, {0x401000, 0x402000}}; !slices.Equal(got, want) {
		t.Errorf("%x", got)
	}
}

func TestEveryOtherPiece(t *testing.T) {
	m := mapping{0x480000, 0x9f0000}
	want := []mapping{{0x480000, 0x500000}, {0x600000, 0x700000}, {0x800000, 0x900000}}
	if got := m.pieces(); !slices.Equal(got, want) {
		t.Errorf("%x", got)
	}
	for _, p := range want { // the next time they are regions of their own
		if got := p.pieces(); !slices.Equal(got, []mapping{p}) {
			t.Errorf("%x of %x", got, p)
		}
	}
	if got := (mapping{0x500000, 0x600000}).pieces(); len(got) != 0 {
		t.Errorf("%x", got)
	}
}

// Letting go of this program's pages makes it smaller, and it goes on.
func TestProgramIsLetGoOf(t *testing.T) {
	resident := func() (kb int) {
		raw, err := os.ReadFile("/proc/self/status")
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(raw)) {
			if _, err := fmt.Sscanf(line, "RssFile: %d kB", &kb); err == nil {
				return kb
			}
		}
		t.Fatal("the kernel does not tell what is resident of files")
		return 0
	}
	before := resident()
	if err := letGoOfProgram(); err != nil {
		t.Fatal(err)
	}
	if after := resident(); after >= before-1000 {
		t.Errorf("%d kB of files before, %d kB after", before, after)
	}
}
