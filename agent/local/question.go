package local

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/words"
	"github.com/assent-epm/assent/shared/inert"
)

// openQuestion is an approver's question at the prompt. The terminal is read
// beside everything else, and let go at once when the question is over.
type openQuestion struct {
	stop func() // takes the question away
	done chan struct{}
}

// over is closed when the person has answered; never for no question.
func (q *openQuestion) over() <-chan struct{} {
	if q == nil {
		return nil
	}
	return q.done
}

// question puts a question in the place of the waiting line.
func (s *session) question(q questioned) error {
	s.endQuestion()
	if s.tty == nil {
		return s.con.write(kReply, reply{N: q.N, Nobody: true})
	}
	s.line.clear()
	s.line.hidden = true
	stop := make(chan struct{})
	open := &openQuestion{stop: sync.OnceFunc(func() { close(stop) }), done: make(chan struct{})}
	s.open = open
	tongue := s.tongue
	go func() {
		defer close(open.done)
		s.answerQuestion(q, stop, tongue)
	}()
	return nil
}

func (s *session) answerQuestion(q questioned, stop <-chan struct{}, t words.Tongue) {
	p := prompt{in: s.tty, out: s.std.Err, stop: stop}
	p.say(t.Say("%s asks: %s", inert.Text(q.By), inert.Text(q.Text)))
	text, err := p.line(t.Say("Answer (Enter alone: later): "))
	if errors.Is(err, errStopped) {
		return
	}
	_ = s.con.write(kReply, reply{N: q.N, Text: text}) // a lost agent is noticed by the reader
}

// endQuestion takes the question away, if there is one, and waits until the
// terminal is free; then the waiting line goes on.
func (s *session) endQuestion() {
	if s.open == nil {
		return
	}
	s.open.stop()
	<-s.open.done
	s.open = nil
	s.line.hidden = false
	s.line.show(time.Now())
}

// secret asks for the person's password.
func (s *session) secret(text string) {
	p := prompt{in: s.tty, out: s.std.Err}
	got, err := p.secret(text)
	switch {
	case err == nil:
		err = s.con.write(kTyped, typed{Text: got})
	case errors.Is(err, io.EOF):
		err = s.con.write(kWithdraw, empty{})
	default:
		err = s.con.write(kTyped, typed{Nobody: true})
	}
	_ = err // a lost agent is noticed by the reader
}

// print writes a line, also while a program has the terminal.
func (s *session) print(text string) {
	if s.opt.Mute {
		return
	}
	text = wrapped(s.std.Err, text)
	if s.relay != nil && isTerminal(s.std.Err) {
		fmt.Fprint(s.std.Err, "\r\n"+strings.ReplaceAll(text, "\n", "\r\n")+"\r\n")
		return
	}
	fmt.Fprintln(s.std.Err, text)
}

// errStopped says that a prompt was taken away.
var errStopped = errors.New("the question is over")

// beside draws the code for somebody beside the person, once for each code, where
// they want that.
func (s *session) beside(w intercept.Waiting) {
	if !s.opt.QR || w.Beside == "" || w.Beside == s.drawn || s.line.hidden {
		return
	}
	s.drawn = w.Beside
	s.line.clear()
	to := s.std.Err
	if !isTerminal(to) && s.tty != nil {
		to = s.tty
	}
	if err := DrawQR(to, w.Beside); err != nil {
		s.print("assent: " + err.Error())
	}
}
