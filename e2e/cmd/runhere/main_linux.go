// Command runhere is what `make run` starts: Assent on this machine, from a
// checkout, to try it; everything is undone at the end.
//
// It starts a controller and an agent as root, with everything on loopback, adds
// the throw-away user assent-try and prints what to try. What it changes it
// says first, writes down before it does it, and undoes when it is ended. A
// guardian process undoes it when this process is killed, and the next call does
// when both were. It never names a path of the checkout in /etc/sudo.conf.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
	"golang.org/x/term"

	"github.com/assent-epm/assent/e2e/lab"
)

// startTime bounds how long everything may take until it can be tried.
const startTime = 60 * time.Second

func main() {
	err := errors.New("this has to run as root: use make run")
	switch {
	case os.Geteuid() != 0:
	case len(os.Args) == 2 && os.Args[1] == guardVerb:
		err = guard()
	case len(os.Args) == 2 && os.Args[1] == undoVerb:
		err = undo(context.Background())
	case len(os.Args) == 1:
		err = try(os.Getppid())
	case len(os.Args) == 3 && os.Args[1] == withVerb:
		var pid int
		if pid, err = strconv.Atoi(os.Args[2]); err == nil {
			err = try(pid)
		}
	default:
		err = errors.New("usage: runhere [undo | with PID]")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

// try runs until it is ended, or with is: the process that somebody sees, which
// may have started this through sudo.
func try(with int) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := whenGone(with, stop); err != nil {
		return fmt.Errorf("watch process %d: %w", with, err)
	}
	if err := mayRun(); err != nil {
		return err
	}
	if _, err := os.Stat(home); err == nil {
		fmt.Println("An earlier run was killed; undoing what it left.")
		if err := undo(ctx); err != nil {
			return err
		}
	}
	announce()
	if term.IsTerminal(int(os.Stdin.Fd())) {
		if yes, err := agreed(ctx, os.Stdin, os.Stdout); err != nil || !yes {
			return err
		}
	}
	if err := begin(); err != nil {
		return err
	}
	controller, password, agent, err := start(ctx)
	if err == nil {
		invite(controller, password)
		select {
		case <-ctx.Done():
			fmt.Println("\nEnding, and undoing everything.")
		case <-controller.Gone():
			err = errors.New("the controller ended by itself, its log is " + filepath.Join(home, "controller", "stderr.log"))
		case <-agent:
			err = fmt.Errorf("the agent ended by itself:\n%s", lastLines(filepath.Join(home, "agent.log")))
		}
	}
	return errors.Join(err, undo(context.WithoutCancel(ctx)))
}

// whenGone calls then when a process that runs now has ended, however it did.
func whenGone(pid int, then func()) error {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return err
	}
	go func() { // for as long as this program
		for {
			n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}, -1)
			if n == 1 || err != nil && !errors.Is(err, unix.EINTR) {
				then()
				return
			}
		}
	}()
	return nil
}

func announce() {
	fmt.Printf(`Assent will run on this machine until you end it. It changes:
  /etc/sudo.conf        a marked block that loads the plugin
  /usr/libexec/assent   the plugin
  /etc/sudoers.d        one file, only while something granted runs
  %s   programs and data
  /run/assent           sockets
  user %s       added, to try sudo without any rights
Everything listens on loopback only. All of it is undone when you press Ctrl-C,
and also when this is killed.

`, home, tryUser)
}

// agreed asks whether to go on. Nothing was changed yet, and all but a yes is a no.
func agreed(ctx context.Context, in io.Reader, out io.Writer) (bool, error) {
	fmt.Fprint(out, "Go on? [y/N] ")
	said := make(chan string, 1)
	go func() { // ends with the program
		line, _ := bufio.NewReader(in).ReadString('\n') // without an end it is none
		said <- line
	}()
	select {
	case line := <-said:
		switch strings.ToLower(strings.TrimSpace(line)) {
		case "y", "yes":
			fmt.Fprintln(out)
			return true, nil
		}
		fmt.Fprintln(out, "Nothing was changed.")
		return false, nil
	case <-ctx.Done():
		fmt.Fprintln(out, "\nNothing was changed.")
		return false, nil
	}
}

// start brings everything up: controller, user, enrolment, agent.
func start(ctx context.Context) (controller *lab.Controller, password string, agent <-chan struct{}, err error) {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	if password, err = addUser(ctx); err != nil {
		return nil, "", nil, err
	}
	bin := filepath.Join(home, "bin")
	controller, err = lab.StartController(ctx, lab.Config{
		Bin: bin, Data: filepath.Join(home, "controller"), Listen: free("127.0.0.1:8080"), AgentListen: free("127.0.0.1:8443"),
	})
	if err != nil {
		return nil, "", nil, err
	}
	token, err := controller.EnrollToken(ctx)
	if err != nil {
		return nil, "", nil, err
	}
	data := "--data=" + filepath.Join(home, "agent")
	if err := run(ctx, filepath.Join(bin, "assent-agent"), "enroll", data, "--controller", controller.AgentURL, "--token", token); err != nil {
		return nil, "", nil, err
	}
	agent, err = startAgent(data)
	if err != nil {
		return nil, "", nil, err
	}
	return controller, password, agent, awaitAgent(ctx, agent)
}

// startAgent runs the agent in its own session, so that Ctrl-C reaches only
// this process, which then ends everything in order.
func startAgent(data string) (<-chan struct{}, error) {
	log, err := os.OpenFile(filepath.Join(home, "agent.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.Command(filepath.Join(home, "bin", "assent-agent"), "run", data)
	cmd.Stdout, cmd.Stderr, cmd.Dir = log, log, "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the agent: %w", err)
	}
	gone := make(chan struct{})
	go func() {
		_ = cmd.Wait() // that it ended is all that counts
		close(gone)
	}()
	return gone, note(func(s *state) { s.Agent = process(cmd.Process.Pid) })
}

// awaitAgent asks the agent until it says that it is connected and whether sudo
// can be tried.
func awaitAgent(ctx context.Context, agent <-chan struct{}) error {
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for {
		out, err := exec.CommandContext(ctx, filepath.Join(home, "bin", "assent"), "status", "--format", "json").Output()
		if err == nil {
			var status struct{ Sudo string }
			if err = json.Unmarshal(out, &status); err == nil && status.Sudo != "starting" {
				return nil
			}
		}
		select {
		case <-again.C:
		case <-agent:
			return fmt.Errorf("the agent ended by itself:\n%s", lastLines(filepath.Join(home, "agent.log")))
		case <-ctx.Done():
			return fmt.Errorf("wait for the agent: %w", err)
		}
	}
}

// free answers the address, or one with any free port when it is in use.
func free(address string) string {
	l, err := net.Listen("tcp", address)
	if err != nil {
		return "127.0.0.1:0"
	}
	_ = l.Close()
	return address
}

// invite prints where to look and what to type.
func invite(c *lab.Controller, password string) {
	become, root := "sudo -iu "+tryUser, "sudo "
	if os.Getenv("SUDO_USER") == "" {
		become, root = "su - "+tryUser, ""
	}
	data := filepath.Join(home, "controller")
	token := root + "cat " + filepath.Join(data, "admin.token")
	console, _, found := strings.Cut(c.SignIn, "/#") // the name that browsers get
	if !found {
		console = c.URL
	}
	bin, own := filepath.Join(filepath.Dir(exe()), ".."), ""
	if password != "" {
		own = fmt.Sprintf(`
  The password of %s is %s: sudo asks for it while assent admin
  holds. It also does for sudo -l, which lists only what sudo itself knows, and not
  what can be asked for.
`, tryUser, password)
	}
	fmt.Printf(`console   %s
sign in   %s
          (works once, within the hour)
another   %s user reset admin --data %s
          (ends admin's sessions; take the token below anew then)

Try it in another terminal, and answer in the console:
  %s run -- id
  %s
      and there:  sudo id
                  assent run -- id
                  assent session     then sudo as often as you like
                  assent admin       administrator for a while
%s
Or answer on the command line:
  export ASSENT_URL=%s ASSENT_TOKEN=$(%s)
  %s approval

Ctrl-C ends it and undoes everything.
`, console, c.SignIn, root+filepath.Join(home, "bin", "assent-controller"), data, filepath.Join(bin, "assent"), become, own, console, token, filepath.Join(bin, "assentctl"))
}

func exe() string {
	path, err := os.Executable()
	if err != nil {
		return os.Args[0]
	}
	return path
}

func lastLines(path string) string {
	file, err := os.Open(path)
	if err != nil {
		return err.Error()
	}
	defer file.Close()
	var last []string
	for scan := bufio.NewScanner(file); scan.Scan(); {
		last = append(last, scan.Text())
	}
	if len(last) > 15 {
		last = last[len(last)-15:]
	}
	text := ""
	for _, line := range last {
		text += line + "\n"
	}
	return text
}
