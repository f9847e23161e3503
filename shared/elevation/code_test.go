package elevation

import (
	"errors"
	"regexp"
	"strings"
	"testing"
)

func TestCodes(t *testing.T) {
	form := regexp.MustCompile(`^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$`)
	for _, bits := range [][5]byte{{}, {255, 255, 255, 255, 255}, {1, 2, 3, 4, 5}, {0x80}} {
		code := CodeOf(bits)
		if !form.MatchString(code) {
			t.Errorf("%v is written %s", bits, code)
		}
		for _, typed := range []string{code, strings.ToLower(code), strings.ReplaceAll(code, "-", ""), " " + strings.ReplaceAll(code, "-", " - ") + " ",
			strings.ReplaceAll(code, "0", "o"), strings.ReplaceAll(code, "1", "l"), strings.ReplaceAll(code, "1", "I")} {
			if got, err := ReadCode(typed); err != nil || got != code {
				t.Errorf("%q is read as %q, %v; want %s", typed, got, err, code)
			}
		}
	}
	if a, b := CodeOf([5]byte{0, 0, 0, 0, 1}), CodeOf([5]byte{0, 0, 0, 1, 0}); a != "0000-0001" || b != "0000-0080" {
		t.Errorf("written as %s and %s", a, b)
	}
	for _, bad := range []string{"", "7K2Q", "7K2Q-M9X", "7K2Q-M9XDD", "7K2Q-M9XU", "7K2Q_M9XD", "7K2Q-M9X\x00", "７K2Q-M9XD", strings.Repeat("A", 1000)} {
		if got, err := ReadCode(bad); !errors.Is(err, ErrInvalid) {
			t.Errorf("%q is read as %q, %v", bad, got, err)
		}
	}
}
