package intercept

import (
	"fmt"
	"strings"

	"rsc.io/qr"

	"github.com/assent-epm/assent/agent/words"
	"github.com/assent-epm/assent/shared/inert"
)

// BesideAddress is where somebody beside the requester finds the request on
// their own device, "" when the console's address is not known.
func BesideAddress(console, code string) string {
	if console == "" || code == "" {
		return ""
	}
	return strings.TrimSuffix(console, "/") + "/#/b/" + code
}

// BesideLine says how somebody who stands beside the requester can answer. The
// code gives no right: they sign in as ever.
func BesideLine(t words.Tongue, address, code string) string {
	if address == "" {
		return "assent: " + t.Say("somebody beside you can answer: the code is %s, to be typed in the console", inert.Text(code))
	}
	return "assent: " + t.Say("somebody beside you can answer: %s  (or type %s in the console)", inert.Text(address), inert.Text(code))
}

// PasskeyLine says where a person shows their passkey for what is about to run.
func PasskeyLine(t words.Tongue, address, code string) string {
	if address == "" {
		return "assent: " + t.Say("confirm with your passkey: type %s in the console", inert.Text(code))
	}
	return "assent: " + t.Say("confirm with your passkey: %s  (or type %s in the console)", inert.Text(address), inert.Text(code))
}

const (
	quiet = 4 // modules that must be light around a QR code
	// The colours are set for every line and do not depend on how the terminal is
	// set up: light is light also where text is dark on light. The first pair is
	// for terminals that know no other.
	qrBegin = "\x1b[0;97;40m\x1b[38;5;231;48;5;16m"
	qrEnd   = "\x1b[0m"
)

// QR draws an address as a QR code, two modules in each character, for a terminal
// of the given size. One that does not fit is an error that says what is needed.
func QR(address string, cols, rows int) ([]string, error) {
	code, err := qr.Encode(address, qr.L)
	if err != nil {
		return nil, fmt.Errorf("make a QR code: %w", err)
	}
	size := code.Size + 2*quiet
	if high := (size+1)/2 + 2; cols < size || rows < high { // the waiting line and the one before it stay in sight
		return nil, fmt.Errorf("the QR code needs a terminal of %d columns and %d lines", size, high)
	}
	dark := func(x, y int) bool { return code.Black(x-quiet, y-quiet) } // outside of it nothing is dark
	lines := make([]string, 0, (size+1)/2)
	for y := 0; y < size; y += 2 {
		var b strings.Builder
		b.WriteString(qrBegin)
		for x := range size {
			switch top, bottom := dark(x, y), dark(x, y+1); {
			case top && bottom:
				b.WriteByte(' ')
			case top:
				b.WriteString("▄")
			case bottom:
				b.WriteString("▀")
			default:
				b.WriteString("█")
			}
		}
		b.WriteString(qrEnd)
		lines = append(lines, b.String())
	}
	return lines, nil
}
