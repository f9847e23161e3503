package intercept

import (
	"strings"
	"testing"
	"unicode/utf8"

	"rsc.io/qr"

	"github.com/assent-epm/assent/agent/words"
)

// module is one square of a drawn code.
type module bool

// readDrawing turns what a terminal shows back into squares. Anything but the
// four characters, or a line without its own colours, fails.
func readDrawing(t *testing.T, lines []string) [][]module {
	t.Helper()
	var out [][]module
	for _, line := range lines {
		inner, begins := strings.CutPrefix(line, qrBegin)
		inner, ends := strings.CutSuffix(inner, qrEnd)
		if !begins || !ends || strings.ContainsRune(inner, '\x1b') {
			t.Fatalf("a line is not drawn in its own colours: %q", line)
		}
		var top, bottom []module
		for _, c := range inner {
			switch c {
			case '█':
				top, bottom = append(top, false), append(bottom, false)
			case '▀':
				top, bottom = append(top, false), append(bottom, true)
			case '▄':
				top, bottom = append(top, true), append(bottom, false)
			case ' ':
				top, bottom = append(top, true), append(bottom, true)
			default:
				t.Fatalf("unexpected character %q", c)
			}
		}
		out = append(out, top, bottom)
	}
	return out
}

// readQR is a small reader of undamaged codes of level L and one block: versions
// 1 to 5. It finds the mask in the format, walks the columns and reads bytes.
func readQR(t *testing.T, m [][]module) string {
	t.Helper()
	size := len(m)
	version := (size - 17) / 4
	if version < 1 || version > 5 || size != 17+4*version {
		t.Fatalf("a code of %d modules", size)
	}
	at := func(x, y int) int {
		if m[y][x] {
			return 1
		}
		return 0
	}
	format := 0
	for _, p := range [][2]int{{0, 8}, {1, 8}, {2, 8}, {3, 8}, {4, 8}} {
		format = format<<1 | at(p[0], p[1])
	}
	format ^= 0b10101
	if format>>3 != 0b01 {
		t.Fatalf("not level L: %05b", format)
	}
	mask := format & 7
	flip := func(x, y int) bool {
		switch mask {
		case 0:
			return (x+y)%2 == 0
		case 1:
			return y%2 == 0
		case 2:
			return x%3 == 0
		case 3:
			return (x+y)%3 == 0
		case 4:
			return (y/2+x/3)%2 == 0
		case 5:
			return x*y%2+x*y%3 == 0
		case 6:
			return (x*y%2+x*y%3)%2 == 0
		}
		return ((x+y)%2+x*y%3)%2 == 0
	}
	fixed := func(x, y int) bool {
		far := size - 8
		align := 4*version + 10
		return x < 9 && y < 9 || x < 9 && y >= far || x >= far && y < 9 || x == 6 || y == 6 ||
			version > 1 && x >= align-2 && x <= align+2 && y >= align-2 && y <= align+2
	}
	var bits []int
	up := true
	for right := size - 1; right > 0; right -= 2 {
		if right == 6 {
			right--
		}
		for i := range size {
			y := i
			if up {
				y = size - 1 - i
			}
			for _, x := range []int{right, right - 1} {
				if fixed(x, y) {
					continue
				}
				bit := at(x, y)
				if flip(x, y) {
					bit ^= 1
				}
				bits = append(bits, bit)
			}
		}
		up = !up
	}
	take := func(n int) (v int) {
		for _, b := range bits[:n] {
			v = v<<1 | b
		}
		bits = bits[n:]
		return v
	}
	if mode := take(4); mode != 0b0100 {
		t.Fatalf("mode %04b, not bytes", mode)
	}
	text := make([]byte, take(8))
	for i := range text {
		text[i] = byte(take(8))
	}
	return string(text)
}

// TestQRIsRead draws codes and reads them from what is on the screen.
func TestQRIsRead(t *testing.T) {
	for _, host := range []string{"https://a.example", "http://localhost:8080", "https://assent.example.com", "https://assent.a-long-department.example.com:8443"} {
		address := BesideAddress(host+"/", "7K2Q-M9XD")
		if want := host + "/#/b/7K2Q-M9XD"; address != want {
			t.Fatalf("address %s, want %s", address, want)
		}
		lines, err := QR(address, 80, 40)
		if err != nil {
			t.Fatal(err)
		}
		drawn := readDrawing(t, lines)
		width := len(drawn[0])
		code, err := qr.Encode(address, qr.L)
		if err != nil || width != code.Size+2*quiet {
			t.Fatalf("%d columns for %d modules, %v", width, code.Size, err)
		}
		var inner [][]module
		for y, row := range drawn {
			if len(row) != width {
				t.Fatalf("line %d has %d columns", y, len(row))
			}
			for x, dark := range row {
				if border := x < quiet || y < quiet || x >= width-quiet || y >= width-quiet; border && bool(dark) {
					t.Errorf("the quiet zone is dark at %d, %d", x, y)
				}
			}
			if y >= quiet && y < width-quiet {
				inner = append(inner, row[quiet:width-quiet])
			}
		}
		if got := readQR(t, inner); got != address {
			t.Errorf("it is read as %q, want %q", got, address)
		}
	}
}

// TestQRFits: what does not fit is not drawn, and the person learns what is
// needed; what fits leaves room for the waiting line.
func TestQRFits(t *testing.T) {
	const address = "https://assent.example.com/#/b/7K2Q-M9XD"
	lines, err := QR(address, 80, 24)
	if err != nil {
		t.Fatalf("the usual terminal: %v", err)
	}
	cols, rows := utf8.RuneCountInString(lines[0])-len(qrBegin)-len(qrEnd), len(lines)+2
	for _, small := range [][2]int{{cols - 1, 100}, {200, rows - 1}, {0, 0}, {-1, -1}} {
		if got, err := QR(address, small[0], small[1]); err == nil || got != nil || !strings.Contains(err.Error(), "columns") {
			t.Errorf("in %v it is drawn, or not explained: %v", small, err)
		}
	}
	if _, err := QR(address, cols, rows); err != nil {
		t.Errorf("where it just fits: %v", err)
	}
	if _, err := QR(strings.Repeat("x", 5000), 1000, 1000); err == nil {
		t.Error("an address that no code holds is drawn")
	}
}

func TestBesideLine(t *testing.T) {
	if got := BesideAddress("", "7K2Q-M9XD") + BesideAddress("https://a.example", ""); got != "" {
		t.Errorf("an address without one of its parts: %q", got)
	}
	for want, got := range map[string]string{
		"assent: somebody beside you can answer: https://a.example/#/b/7K2Q-M9XD  (or type 7K2Q-M9XD in the console)": BesideLine(words.English, "https://a.example/#/b/7K2Q-M9XD", "7K2Q-M9XD"),
		"assent: somebody beside you can answer: the code is 7K2Q-M9XD, to be typed in the console":                   BesideLine(words.English, "", "7K2Q-M9XD"),
	} {
		if got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
	if got := BesideLine(words.English, "https://a\x1b[31m.example/#/b/X", "X"); strings.ContainsRune(got, '\x1b') {
		t.Errorf("not inert: %q", got)
	}
}
