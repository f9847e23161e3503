package local

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/assent-epm/assent/agent/intercept"
)

// DrawQR draws an address on the terminal at to. Where that is no terminal, can
// not show it or is too small, the error says so and nothing is drawn.
func DrawQR(to *os.File, address string) error {
	switch {
	case address == "":
		return errors.New("there is no code now: it waits for nobody, or the controller can not be reached")
	case to == nil || !term.IsTerminal(int(to.Fd())):
		return errors.New("a QR code is drawn on a terminal only")
	case os.Getenv("TERM") == "dumb" || !unicodeShown():
		return errors.New("this terminal can not show a QR code")
	}
	cols, rows, err := term.GetSize(int(to.Fd()))
	if err != nil {
		return fmt.Errorf("look at the terminal: %w", err)
	}
	lines, err := intercept.QR(address, cols, rows)
	if err != nil {
		return err
	}
	_, err = fmt.Fprint(to, strings.Join(lines, "\n")+"\n")
	return err
}

// unicodeShown reports whether the person's language setting is one with all
// characters. Without any setting that is taken for granted.
func unicodeShown() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := strings.ToUpper(os.Getenv(name)); v != "" {
			return strings.Contains(v, "UTF-8") || strings.Contains(v, "UTF8")
		}
	}
	return true
}
