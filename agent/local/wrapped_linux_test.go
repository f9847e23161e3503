package local

import (
	"bufio"
	"os"
	"strings"
	"testing"

	"github.com/creack/pty"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/words"
)

// TestLinesBreakBetweenWords: what stands above a prompt fits the terminal that it
// is written to, and an address stays whole; elsewhere it is one line.
func TestLinesBreakBetweenWords(t *testing.T) {
	const address = "https://assent.internal.example.com:8443/#/b/7K2Q-M9XD"
	line := intercept.BesideLine(words.English, address, "7K2Q-M9XD")
	master, terminal, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	defer terminal.Close()
	shown := bufio.NewReader(master)
	for _, cols := range []uint16{40, 80, 100, 120} {
		if err := pty.Setsize(terminal, &pty.Winsize{Rows: 24, Cols: cols}); err != nil {
			t.Fatal(err)
		}
		(&session{std: Streams{Err: terminal}}).print(line)
		for got := ""; got != strings.Join(strings.Fields(line), " "); {
			part, err := shown.ReadString('\n')
			if err != nil {
				t.Fatal(err)
			}
			if part = strings.TrimSpace(part); len(part) > int(cols) && part != address {
				t.Errorf("%d: wider is %q", cols, part)
			}
			got = strings.Join(strings.Fields(got+" "+part), " ")
		}
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	prompt{out: w}.say(line)
	w.Close()
	if got, err := bufio.NewReader(r).ReadString('\n'); err != nil || got != line+"\n" {
		t.Errorf("in a pipe: %q, %v", got, err)
	}
}
