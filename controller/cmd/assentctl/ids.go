package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/shared/elevation"
)

// minEnding is the shortest ending of an id that is taken.
const minEnding = 6

// requestID finds the whole id of a request from its ending.
func requestID(ctx context.Context, c *client.Client, text string) (string, error) {
	q := url.Values{"status": {"all"}, "q": {text}}
	return resolve(text, elevation.RequestPrefix, func() ([]string, error) {
		rows, err := client.All[client.Request](ctx, c, "/requests", q, 5000)
		return idsOf(rows, func(r client.Request) string { return r.ID }), err
	})
}

// resolve finds the one id that ends with text. A whole id is taken as it is.
func resolve(text, prefix string, all func() ([]string, error)) (string, error) {
	text = strings.ToLower(text)
	if elevation.CheckID(prefix, text) == nil {
		return text, nil
	}
	if len(text) < minEnding || strings.Trim(text, "0123456789abcdef-_"+prefix) != "" {
		return "", usage(fmt.Sprintf("%q is neither an id nor an ending of one with %d or more characters", text, minEnding))
	}
	ids, err := all()
	if err != nil {
		return "", err
	}
	var found []string
	for _, id := range ids {
		if strings.HasSuffix(id, text) {
			found = append(found, id)
		}
	}
	switch len(found) {
	case 0:
		return "", &exitError{code: exitNotFound, err: fmt.Errorf("no id ends with %q", text)}
	case 1:
		return found[0], nil
	}
	return "", usage(fmt.Sprintf("%q is the ending of several ids", text), "it can be: "+strings.Join(found[:min(len(found), 10)], " "))
}

func idsOf[T any](rows []T, id func(T) string) []string {
	ids := make([]string, len(rows))
	for i, r := range rows {
		ids[i] = id(r)
	}
	return ids
}

// gather replaces "-" by the ids that stand on standard input, one a line.
func (a *app) gather(args []string) ([]string, error) {
	var ids []string
	for _, arg := range args {
		if arg != "-" {
			ids = append(ids, arg)
			continue
		}
		lines := bufio.NewScanner(io.LimitReader(a.in, 1<<20))
		for lines.Scan() {
			if id := strings.TrimSpace(lines.Text()); id != "" {
				ids = append(ids, id)
			}
		}
		if err := lines.Err(); err != nil {
			return nil, fmt.Errorf("read ids: %w", err)
		}
	}
	return ids, nil
}

// confirm asks once before several things are done. Without a terminal only
// --yes lets it through.
func (a *app) confirm(yes bool, question string) error {
	if yes {
		return nil
	}
	f, ok := a.in.(*os.File)
	if !ok || !term.IsTerminal(int(f.Fd())) {
		return usage("several ids need --yes where nobody can be asked")
	}
	fmt.Fprintf(a.err, "%s [y/N] ", question)
	line, err := bufio.NewReader(a.in).ReadString('\n')
	if err != nil || !strings.HasPrefix(strings.ToLower(strings.TrimSpace(line)), "y") {
		return &exitError{code: exitFailure, err: fmt.Errorf("nothing was done")}
	}
	return nil
}
