package main

import (
	"encoding/xml"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"
)

// taskFacts is what the scheduler reads of a definition.
type taskFacts struct {
	XMLName  xml.Name `xml:"http://schemas.microsoft.com/windows/2004/02/mit/task Task"`
	Triggers struct {
		Any []struct{ XMLName xml.Name } `xml:",any"`
	}
	User    string `xml:"Principals>Principal>UserId"`
	Level   string `xml:"Principals>Principal>RunLevel"`
	Battery string `xml:"Settings>DisallowStartIfOnBatteries"`
	Stop    string `xml:"Settings>StopIfGoingOnBatteries"`
	Limit   string `xml:"Settings>ExecutionTimeLimit"`
	Again   string `xml:"Settings>MultipleInstancesPolicy"`
	On      string `xml:"Settings>Enabled"`
	Actions struct {
		Any []struct {
			XMLName   xml.Name
			Command   string
			Arguments string
		} `xml:",any"`
	}
}

func readTask(t *testing.T, text string) (f taskFacts) {
	t.Helper()
	d := xml.NewDecoder(strings.NewReader(strings.Replace(text, `encoding="UTF-16"`, `encoding="UTF-8"`, 1)))
	if err := d.Decode(&f); err != nil {
		t.Fatal(err)
	}
	return f
}

// The task is one program with fixed arguments, by the system itself and at the
// machine's start alone, on a battery too and for as long as it takes, whatever the
// folders are called.
func TestReapTask(t *testing.T) {
	exe, line := `C:\Program Files\Assent <x> & "y"\assent-agent.exe`, `reap --boot --data "C:\Program Data\Ünï & <b>"`
	f := readTask(t, reapTask(exe, line))
	if len(f.Triggers.Any) != 1 || f.Triggers.Any[0].XMLName.Local != "BootTrigger" {
		t.Errorf("it is triggered by %+v", f.Triggers)
	}
	if f.User != "S-1-5-18" || f.Level != "HighestAvailable" {
		t.Errorf("it runs as %s, %s", f.User, f.Level)
	}
	if f.Battery != "false" || f.Stop != "false" || f.Limit != "PT0S" || f.Again != "IgnoreNew" || f.On != "true" {
		t.Errorf("%+v", f)
	}
	if len(f.Actions.Any) != 1 || f.Actions.Any[0].XMLName.Local != "Exec" || f.Actions.Any[0].Command != exe || f.Actions.Any[0].Arguments != line {
		t.Errorf("%+v", f.Actions)
	}
	if got := reapArgs(`C:\ProgramData\Assent`); !slices.Equal(got, []string{"reap", "--boot", "--data", `C:\ProgramData\Assent`}) {
		t.Errorf("%q", got)
	}
}

func TestWide(t *testing.T) {
	raw := wide("aÜ𝄞")
	if raw[0] != 0xff || raw[1] != 0xfe || len(raw) != 2+2*4 {
		t.Fatalf("% x", raw)
	}
	var units []uint16
	for i := 2; i < len(raw); i += 2 {
		units = append(units, uint16(raw[i])|uint16(raw[i+1])<<8)
	}
	if got := string(utf16.Decode(units)); got != "aÜ𝄞" {
		t.Errorf("got %q", got)
	}
}
