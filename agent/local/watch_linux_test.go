package local

import (
	"bytes"
	"context"
	"errors"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/agent/intercept"

	"github.com/assent-epm/assent/agent/words"
)

var errEnough = errors.New("enough")

// TestWatch: notices come in order to who may have them, until the flow says
// that the reader is too slow.
func TestWatch(t *testing.T) {
	mine := book{owner: "0", notices: make(chan Notice, 10)}
	c := Client{Path: open(t, &desk{}, mine)}
	want := []Notice{{Request: someRequest, Kind: "seen", By: "bo", Line: "bo is looking at it", At: time.Unix(1, 0).UTC()},
		{Request: someRequest, Kind: "approved", By: "bo", Text: "ok", Until: time.Unix(2, 0).UTC(), At: time.Unix(1, 0).UTC()}}
	var got []Notice
	err := c.Watch(t.Context(), func() {
		for _, n := range want {
			mine.notices <- n
		}
	}, func(n Notice) error {
		got = append(got, n)
		if len(got) == len(want) {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) || !reflect.DeepEqual(got[0], want[0]) || !got[1].Until.Equal(want[1].Until) || got[1].Kind != "approved" {
		t.Errorf("%v, %+v", err, got)
	}

	ctx, leave := context.WithCancel(t.Context())
	if err := c.Watch(ctx, leave, func(Notice) error { return nil }); err != nil {
		t.Errorf("a watch that was left: %v", err)
	}
	if err := c.Watch(t.Context(), func() { close(mine.notices) }, func(Notice) error { return nil }); !errors.Is(err, ErrLagged) {
		t.Errorf("a watch that was too slow: %v", err)
	}
}

// TestWatchOfNobody: whoever the flow gives no notices learns why, and another
// version of the program is refused.
func TestWatchOfNobody(t *testing.T) {
	path := open(t, &desk{}, book{owner: "1"})
	err := Client{Path: path}.Watch(t.Context(), func() { t.Error("it is watched") }, func(Notice) error { return nil })
	if !errors.Is(err, ErrBusy) {
		t.Errorf("%v", err)
	}
	con, err := Client{Path: path}.dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer con.c.Close()
	if err := con.write(kWatch, ask{Version: Version + 1}); err != nil {
		t.Fatal(err)
	}
	f, _, err := con.read(askTime, 0)
	var a answer
	if err != nil || f.into(&a) != nil || a.Code != "version" {
		t.Errorf("another version: %+v, %v", a, err)
	}
}

// TestWatchDesktop: only a watcher that says so, and only while it watches, is
// where its user can be asked.
func TestWatchDesktop(t *testing.T) {
	mine := book{owner: "0", notices: make(chan Notice, 1), sits: make(chan string, 2)}
	c := Client{Path: open(t, &desk{}, mine)}
	for _, watch := range []func(context.Context, func(), func(Notice) error) error{c.Watch, c.WatchDesktop} {
		ctx, leave := context.WithCancel(t.Context())
		if err := watch(ctx, leave, func(Notice) error { return nil }); err != nil {
			t.Error(err)
		}
	}
	if from, to := <-mine.sits, <-mine.sits; from != strconv.Itoa(os.Getuid()) || to != "" || len(mine.sits) > 0 {
		t.Errorf("asked %q, then %q, and %d more", from, to, len(mine.sits))
	}
}

// TestQRWithoutATerminal: where nothing can be drawn it is said once, and the
// address in words is there anyway.
func TestQRWithoutATerminal(t *testing.T) {
	d := &desk{}
	const address = "https://assent.example/#/b/7K2Q-M9XD"
	d.elevate = func(_ context.Context, _ intercept.Ask, p intercept.Person) error {
		p.Say(intercept.BesideLine(words.English, address, "7K2Q-M9XD"))
		for range 2 {
			p.Waiting(intercept.Waiting{Request: someRequest, Code: "7K2Q-M9XD", Beside: address})
		}
		return &intercept.Kept{Request: someRequest}
	}
	path := open(t, d, book{})
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	out := Client{Path: path}.Run(t.Context(), RunOptions{Command: "id", Reason: "the shop is down", QR: true}, Streams{In: os.Stdin, Out: os.Stdout, Err: w})
	w.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(r); err != nil {
		t.Fatal(err)
	}
	if out.Kind != Kept || !strings.Contains(text.String(), "answer: "+address) || strings.Count(text.String(), "7K2Q-M9XD in the console") != 1 ||
		strings.ContainsRune(text.String(), '█') {
		t.Errorf("%+v, %q", out, text.String())
	}
	for _, f := range []*os.File{nil, w, r} {
		if err := DrawQR(f, address); err == nil {
			t.Error("it is drawn where there is no terminal")
		}
	}
	if err := DrawQR(os.Stderr, ""); err == nil || !strings.Contains(err.Error(), "no code") {
		t.Errorf("without a code: %v", err)
	}
}
