package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"html"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// pageKept is how long the file is there that leads a browser to a page.
const pageKept = time.Minute

// errNoBrowser means that no page can be shown here.
var errNoBrowser = errors.New("there is no browser here")

// showPage opens an address in the person's browser. Everybody can read the
// arguments of a process, and the address is a secret: a file that only the person
// can read leads there.
func showPage(dir, address string) error {
	if err := canShow(); err != nil {
		return err
	}
	file := filepath.Join(dir, "assent-page-"+hex.EncodeToString([]byte(strconv.FormatUint(rand.Uint64(), 36)))+".html")
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("lead a browser to a page: %w", err)
	}
	to := html.EscapeString(address)
	_, err = fmt.Fprintf(f, "<!doctype html><meta charset=\"utf-8\"><meta name=\"referrer\" content=\"no-referrer\"><title>Assent</title>\n"+
		"<meta http-equiv=\"refresh\" content=\"0;url=%s\"><p><a href=\"%s\">Assent</a></p>\n", to, to)
	if err = errors.Join(err, f.Close()); err == nil {
		err = openFile(file)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("lead a browser to a page: %w", err), os.Remove(file))
	}
	time.AfterFunc(pageKept, func() { _ = os.Remove(file) }) // what is left of it works for nobody
	return nil
}
