package local

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/shared/elevation"
)

// TestQuestionAtTheTerminalOfRun: the question stands in the place of the waiting
// line, which goes on with the answer; nothing in it moves the cursor.
func TestQuestionAtTheTerminalOfRun(t *testing.T) {
	answers := make(chan string, 2)
	d := &desk{elevate: func(ctx context.Context, _ intercept.Ask, p intercept.Person) error {
		p.Waiting(intercept.Waiting{Request: someRequest})
		for range 2 {
			text, err := p.Question(ctx, intercept.Question{Request: someRequest, By: "bo", Text: "why \x1b[2J?"})
			if err != nil {
				return err
			}
			answers <- text
		}
		return &intercept.Refused{By: "bo"}
	}}
	master, cmd := terminal(t, open(t, d, book{}), "echo", "ran")
	if text := until(t, master, "Answer (Enter alone: later): "); !strings.Contains(text, `bo asks: why \x1b[2J?`) || strings.Contains(text, "\x1b[2J") {
		t.Errorf("shown %q", text)
	}
	if _, err := master.WriteString("the certificate\n"); err != nil {
		t.Fatal(err)
	}
	until(t, master, "Answer (Enter alone: later): ")
	if _, err := master.WriteString("\n"); err != nil {
		t.Fatal(err)
	}
	until(t, master, "denied by bo")
	if code := exitCode(t, cmd, cmd.Wait()); code != 77 {
		t.Errorf("exit %d", code)
	}
	if a, b := <-answers, <-answers; a != "the certificate" || b != "" {
		t.Errorf("answered %q, %q", a, b)
	}
}

// A decision does not wait for an answer, and what was begun is not typed to the
// program that starts.
func TestDecisionWhileAQuestionIsOpen(t *testing.T) {
	decide := make(chan struct{})
	d := &desk{elevate: func(ctx context.Context, _ intercept.Ask, p intercept.Person) error {
		p.Waiting(intercept.Waiting{Request: someRequest})
		asking, over := context.WithCancel(ctx)
		go func() {
			<-decide
			over()
		}()
		if _, err := p.Question(asking, intercept.Question{Request: someRequest, By: "bo", Text: "why?"}); !errors.Is(err, context.Canceled) {
			return &intercept.Refused{By: "the test", Text: "the question did not end"}
		}
		return nil
	}}
	master, cmd := terminal(t, open(t, d, book{}), "sh", "-c", "echo ready; read x; echo got=$x; exit 3")
	until(t, master, "Answer (Enter alone: later): ")
	if _, err := master.WriteString("half an ans"); err != nil {
		t.Fatal(err)
	}
	until(t, master, "half an ans") // echoed: the terminal has it
	close(decide)
	until(t, master, "ready\r\n")
	if _, err := master.WriteString("yes\n"); err != nil {
		t.Fatal(err)
	}
	until(t, master, "got=yes\r\n")
	if code := exitCode(t, cmd, cmd.Wait()); code != 3 {
		t.Errorf("exit %d", code)
	}
}

func TestQuestionWithoutATerminal(t *testing.T) {
	got := make(chan error, 1)
	d := &desk{elevate: func(ctx context.Context, _ intercept.Ask, p intercept.Person) error {
		_, err := p.Question(ctx, intercept.Question{Request: someRequest, By: "bo", Text: "why?"})
		got <- err
		return &intercept.Refused{By: "bo"}
	}}
	cmd := client(open(t, d, book{}), "echo", "ran")
	if code := exitCode(t, cmd, cmd.Run()); code != 77 {
		t.Errorf("exit %d", code)
	}
	if err := <-got; !errors.Is(err, intercept.ErrNobody) {
		t.Error(err)
	}
}

func TestWordsWhileAProgramRuns(t *testing.T) {
	d := &desk{}
	master, _ := terminal(t, open(t, d, book{}), "sh", "-c", "echo ready; exec sleep 300")
	until(t, master, "ready\r\n")
	d.last() // now it is noted
	d.mu.Lock()
	say := d.say
	d.mu.Unlock()
	say("15m more\x1b[2J")
	until(t, master, "\r\n15m more\\x1b[2J\r\n")
}

func TestAskingTheAgentForMore(t *testing.T) {
	mine := book{owner: "0", items: []Item{{ID: someRequest, State: "active", Path: "/usr/bin/id"}}}
	c := Client{Path: open(t, &desk{}, mine)}
	if it, err := c.Answer(t.Context(), string(someRequest), "because"); err != nil || it.ID != someRequest {
		t.Errorf("%+v, %v", it, err)
	}
	if _, err := c.Answer(t.Context(), string(someRequest), ""); !errors.Is(err, ErrInvalid) || !strings.HasSuffix(err.Error(), ": the answer is empty") {
		t.Errorf("an empty answer: %v", err)
	}
	if _, err := c.Answer(t.Context(), string(someRequest), strings.Repeat("x", maxFrame)); !errors.Is(err, ErrInvalid) {
		t.Errorf("a very long answer: %v", err)
	}
	if it, err := c.Extend(t.Context(), string(someRequest), 60, "x"); err != nil || it.ID != someRequest {
		t.Errorf("%+v, %v", it, err)
	}
	if _, err := c.Extend(t.Context(), string(someRequest), 0, "x"); !errors.Is(err, ErrOffline) {
		t.Errorf("offline: %v", err)
	}
	if _, err := c.Resubmit(t.Context(), string(elevation.RequestID("req_01a1fffc-7b9d-7152-a85a-4e800f9fd3b8")), ""); !errors.Is(err, ErrNotFound) {
		t.Errorf("somebody else's: %v", err)
	}
	if _, err := c.Remove(t.Context(), string(someRequest)); !errors.Is(err, ErrConflict) {
		t.Errorf("what is in use: %v", err)
	}
}
