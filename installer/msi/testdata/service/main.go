// Command service stands in for the agent in tests of the MSI: a service that
// writes down what happens to it.
package main

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/windows/registry"
	"golang.org/x/sys/windows/svc"
)

var version = "unknown" // set by the linker

const (
	diary   = `C:\said.txt`
	refusal = `C:\refuse.txt` // when it is there, nothing can be undone
)

func main() {
	switch strings.Join(os.Args[1:], " ") {
	case "run":
		if err := svc.Run("assent-agent", service{}); err != nil {
			say("not a service: " + err.Error())
			os.Exit(1)
		}
	case "uninstall --package":
		if _, err := os.Stat(refusal); err == nil {
			say("can not undo")
			os.Exit(1)
		}
		say("undo " + strings.Join(os.Environ(), ","))
	default:
		say("called as " + strings.Join(os.Args[1:], " "))
		os.Exit(2)
	}
}

func say(what string) {
	f, err := os.OpenFile(diary, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		os.Exit(3)
	}
	defer f.Close()
	fmt.Fprintln(f, version, what)
}

func enrollment() string {
	key, err := registry.OpenKey(registry.LOCAL_MACHINE, `SOFTWARE\Assent\Enroll`, registry.QUERY_VALUE)
	if err != nil {
		return "none"
	}
	defer key.Close()
	var all []string
	for _, name := range []string{"ControllerURL", "Token", "Labels"} {
		value, _, err := key.GetStringValue(name)
		if err != nil {
			value = "?"
		}
		all = append(all, value)
	}
	return strings.Join(all, " ")
}

type service struct{}

func (service) Execute(_ []string, requests <-chan svc.ChangeRequest, status chan<- svc.Status) (bool, uint32) {
	status <- svc.Status{State: svc.Running, Accepts: svc.AcceptStop | svc.AcceptShutdown}
	say("start " + enrollment())
	for r := range requests {
		switch r.Cmd {
		case svc.Interrogate:
			status <- r.CurrentStatus
		case svc.Stop:
			say("stop")
			return false, 0
		case svc.Shutdown:
			return false, 0
		}
	}
	return false, 0
}
