package local

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/shared/inert"
)

// openQuestion is an approver's question at the prompt. The terminal is read
// beside everything else, and let go at once when the question is over.
type openQuestion struct {
	stop *os.File // closing it takes the question away
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
	r, w, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("ask a question: %w", err)
	}
	s.line.clear()
	s.line.hidden = true
	open := &openQuestion{stop: w, done: make(chan struct{})}
	s.open = open
	go func() {
		defer close(open.done)
		defer r.Close()
		s.answerQuestion(q, r)
	}()
	return nil
}

func (s *session) answerQuestion(q questioned, stop *os.File) {
	p := prompt{in: s.tty, out: s.std.Err, stop: stop}
	fmt.Fprintf(s.std.Err, "%s asks: %s\n", inert.Text(q.By), inert.Text(q.Text))
	text, err := p.line("Answer (Enter alone: later): ")
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
	_ = s.open.stop.Close()
	<-s.open.done
	s.open = nil
	s.line.hidden = false
	s.line.show(time.Now())
}

// print writes a line, also while a program has the terminal.
func (s *session) print(text string) {
	if s.relay != nil && isTerminal(s.std.Err) {
		fmt.Fprint(s.std.Err, "\r\n"+text+"\r\n")
		return
	}
	fmt.Fprintln(s.std.Err, text)
}

// errStopped says that a prompt was taken away.
var errStopped = errors.New("the question is over")

// typed waits until a line was typed. What was begun when the prompt is taken
// away is thrown away: it was never meant for the command.
func (p prompt) typed() error {
	if p.stop == nil {
		return nil
	}
	fds := []unix.PollFd{{Fd: int32(p.in.Fd()), Events: unix.POLLIN}, {Fd: int32(p.stop.Fd()), Events: unix.POLLIN}}
	for {
		_, err := unix.Poll(fds, -1)
		switch {
		case errors.Is(err, unix.EINTR):
		case err != nil:
			return err
		case fds[1].Revents != 0:
			_ = unix.IoctlSetInt(int(p.in.Fd()), unix.TCFLSH, unix.TCIFLUSH) // at worst the person sees it again
			fmt.Fprint(p.out, "\r\x1b[K")
			return errStopped
		default:
			return nil
		}
	}
}

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
