package intercept

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/agent/words"
	"github.com/assent-epm/assent/shared/wire"
)

func TestIntroduce(t *testing.T) {
	n := wire.Need{ReasonMin: 8, Presets: []string{"Planned maintenance"}, GoesTo: []string{"Platform", "IT"}, UsualWait: 4 * time.Minute, Message: "Updates\x1b[2J are\nwatched."}
	in := Introduce(words.English, n, []string{"packet capture", "Planned maintenance"}, "packet capture", []string{"Help: call 4711"})
	want := `Updates\x1b[2J are watched.
This needs an approval by Platform, IT, usually within 4m. Say why in at least 8 characters.
Help: call 4711
  1  Planned maintenance
  2  packet capture
Enter alone takes your last one: packet capture`
	if got := strings.Join(in.Lines, "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for typed, want := range map[string]string{"": "packet capture", " 1 ": "Planned maintenance", "2": "packet capture", "3": "3", "0": "0", "12": "12", "a new reason": "a new reason"} {
		if got := in.Choose(typed); got != want {
			t.Errorf("%q stands for %q, want %q", typed, got, want)
		}
	}
	if in := Introduce(words.German, wire.Need{Ticket: "x", Presets: []string{"a"}}, []string{"b"}, "b", nil); len(in.Choices) != 0 || in.Choose("") != "" || strings.Join(in.Lines, "") != "Das braucht eine Freigabe." {
		t.Errorf("where no reason is asked for none is offered: %+v", in)
	}
	var many []string
	for i := range 20 {
		many = append(many, fmt.Sprint("reason ", i))
	}
	if in := Introduce(words.English, wire.Need{ReasonMin: 1, Presets: many}, nil, "", nil); len(in.Choices) != maxChoices || in.Choose("9") != "reason 8" {
		t.Errorf("%d choices", len(in.Choices))
	}
}
