package sudo

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// raw makes frames without any of the limits of appendFrame.
func raw(parts ...string) []byte {
	var b []byte
	for _, p := range parts {
		b = append(b, p[0])
		b = binary.LittleEndian.AppendUint32(b, uint32(len(p)-1))
		b = append(b, p[1:]...)
	}
	return b
}

func goodCall() []byte {
	return raw("Kopen 1", "O2", "snoninteractive=true", "uuid=1000", "ucwd=/", "eASSENT_REASON=x", "asudo", "a-n", "aid", "E")
}

func TestReadCall(t *testing.T) {
	got, err := readCall(bytes.NewReader(goodCall()))
	want := call{stage: stageOpen, optind: 2, settings: []string{"noninteractive=true"}, user: []string{"uid=1000", "cwd=/"},
		env: []string{"ASSENT_REASON=x"}, argv: []string{"sudo", "-n", "id"}}
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got, cmp.AllowUnexported(call{})); d != "" {
		t.Error(d)
	}
	if uid, err := got.uid(); uid != 1000 || err != nil {
		t.Error(uid, err)
	}
}

func TestReadCallRefuses(t *testing.T) {
	long := strings.Repeat("x", maxFrame+1)
	var tooMuch []string
	for range maxCall/maxFrame + 1 {
		tooMuch = append(tooMuch, "a"+strings.Repeat("x", maxFrame-1))
	}
	tests := []struct {
		name string
		in   []byte
	}{
		{"nothing", nil},
		{"no stage", raw("O1", "asudo", "E")},
		{"no optind", raw("Kopen 1", "asudo", "E")},
		{"no arguments", raw("Kopen 1", "O0", "E")},
		{"unknown stage", raw("Kopen 2", "O0", "asudo", "E")},
		{"two stages", raw("Kopen 1", "Kcheck 1", "O0", "asudo", "E")},
		{"two optinds", raw("Kopen 1", "O0", "O0", "asudo", "E")},
		{"optind beyond", raw("Kopen 1", "O2", "asudo", "E")},
		{"negative optind", raw("Kopen 1", "O-1", "asudo", "E")},
		{"huge optind", raw("Kopen 1", "O99999999999999999999", "asudo", "E")},
		{"check of nothing", raw("Kcheck 1", "O1", "E")},
		{"check without arguments", raw("Kcheck 1", "O1", "ccommand=/bin/id", "E")},
		{"unknown frame", raw("Kopen 1", "O0", "zwhat", "asudo", "E")},
		{"a reply too early", raw("Kopen 1", "O0", "Ryes", "asudo", "E")},
		{"a NUL", raw("Kopen 1", "O0", "asu\x00do", "E")},
		{"a long frame", raw("Kopen 1", "O0", "a"+long, "E")},
		{"too much", raw(append([]string{"Kopen 1", "O0"}, tooMuch...)...)},
		{"no end", raw("Kopen 1", "O0", "asudo")},
		{"cut in a head", raw("Kopen 1", "O0", "asudo", "E")[:3]},
		{"cut in a body", raw("Kopen 1")[:7]},
		{"a length that lies", []byte("a\xff\xff\xff\xffx")},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if c, err := readCall(bytes.NewReader(tt.in)); err == nil {
				t.Errorf("took %+v", c)
			}
		})
	}
	many := io.MultiReader(bytes.NewReader(raw("Kopen 1", "O0")), endless{})
	if _, err := readCall(many); !errors.Is(err, errFrame) {
		t.Errorf("endless empty arguments: %v", err)
	}
}

// endless are empty arguments without end.
type endless struct{}

func (endless) Read(b []byte) (int, error) {
	n := 0
	for len(b)-n >= frameHeader {
		n += copy(b[n:], "a\x00\x00\x00\x00")
	}
	if n == 0 {
		n = copy(b, "a\x00\x00\x00\x00"[:len(b)])
	}
	return n, nil
}

func TestUID(t *testing.T) {
	for _, bad := range []string{"", "-1", "4294967295", "4294967296", "0x0", "1 ", "root"} {
		c := call{user: []string{"uid=" + bad}}
		if uid, err := c.uid(); err == nil {
			t.Errorf("%q gave %d", bad, uid)
		}
	}
}

func TestAppendFrameCuts(t *testing.T) {
	b := appendFrame(nil, 'D', "a\x00b"+strings.Repeat("ü", maxShown))
	kind, body, err := readFrame(bytes.NewReader(b), maxShown)
	if kind != 'D' || err != nil || len(body) > maxShown || !strings.HasPrefix(body, "abü") || strings.ContainsRune(body, '\ufffd') {
		t.Errorf("got %c, %d bytes, %v", kind, len(body), err)
	}
}

func FuzzReadCall(f *testing.F) {
	f.Add(goodCall())
	f.Add(raw("Kcheck 1", "O0", "ccommand=/usr/bin/id", "rid", "vPATH=/bin", "E"))
	f.Add(raw("Kopen 1", "O0", "asu\x00do", "E"))
	f.Add([]byte("a\xff\xff\xff\xffx"))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, in []byte) {
		c, err := readCall(bytes.NewReader(in))
		if err != nil {
			return
		}
		if c.stage != stageOpen && c.stage != stageCheck || c.stage == stageOpen && c.optind > len(c.argv) {
			t.Fatalf("took %+v", c)
		}
		if c.stage == stageOpen {
			read(c) // never panics, whatever the command line is
		}
		c.uid()
	})
}
