package linux

import (
	"net/http"
	"net/http/cookiejar"
	"regexp"
	"strings"
	"testing"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/authenticator"
	"github.com/assent-epm/assent/e2e/machine"
)

// phone is somebody's browser with a passkey.
type phone struct {
	s    *scene
	api  *client.Client
	keys authenticator.Authenticator
}

// phoneOf makes an account for a user of the machine, linked by the
// administrator, and signs in at the console with a new passkey.
func (s *scene) phoneOf(user string) *phone {
	s.t.Helper()
	ctx, word := s.t.Context(), "correct horse battery staple"
	if _, err := s.controller.AddUser(ctx, user, "requester"); err != nil {
		s.t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err == nil {
		err = s.api.Call(ctx, "PUT", "/users/"+user, nil, client.EditUser{Password: &word}, nil)
	}
	if err == nil {
		err = s.api.Call(ctx, "POST", "/links", nil, map[string]any{"account": user, "endpoint": s.machine.Name, "user": user}, nil)
	}
	p := &phone{s: s}
	if err == nil {
		p.api, err = client.New(s.controller.URL, "")
	}
	if err != nil {
		s.t.Fatal(err)
	}
	p.api.HTTP = &http.Client{Jar: jar}
	p.keys.Origin = strings.Replace(s.controller.URL, "127.0.0.1", "localhost", 1)
	p.call("/sessions", map[string]any{"login": user, "password": word})
	asked := p.call("/me/passkeys/begin", nil)
	options, _ := asked["options"].(map[string]any)
	made, err := p.keys.Create(options, authenticator.Lie{})
	if err != nil {
		s.t.Fatal(err)
	}
	p.call("/me/passkeys", map[string]any{"ceremony": asked["ceremony"], "credential": made, "name": "phone"})
	return p
}

func (p *phone) call(path string, body any) map[string]any {
	p.s.t.Helper()
	var out map[string]any
	if err := p.api.Call(p.s.t.Context(), "POST", path, nil, body, &out); err != nil {
		p.s.t.Fatalf("%s: %v", path, err)
	}
	return out
}

// shows proves presence with the passkey.
func (p *phone) shows() {
	p.s.t.Helper()
	asked := p.call("/sessions/step-up/passkey", nil)
	options, _ := asked["options"].(map[string]any)
	credential, err := p.keys.Get(options, authenticator.Lie{})
	if err != nil {
		p.s.t.Fatal(err)
	}
	p.call("/sessions/step-up", map[string]any{"passkey": map[string]any{"ceremony": asked["ceremony"], "credential": credential}})
}

// TestConfirmByPasskey: a rule approves, and nothing runs until the person has
// shown their passkey at the console for this very question; sudo and assent run
// alike. Who leaves it keeps the approval for the next try.
func TestConfirmByPasskey(t *testing.T) {
	s := machineFor(t, "confirm")
	s.rules("rules:\n- {name: mine, match: {path: /usr/bin/id}, then: approve, require: {confirm: passkey}}\n" +
		"- {name: too, match: {path: /usr/bin/whoami}, then: approve, require: {confirm: passkey}}\n")
	if got := s.typed(machine.Alice, "assent run --reason 'looking who I am' -- id -un"); got.Code != 77 || !strings.Contains(got.Stderr, "ask an administrator to link it") {
		t.Errorf("without an account: %s", got)
	}
	p := s.phoneOf(machine.Alice)
	address := regexp.MustCompile(`confirm with your passkey: \S+/#/b/(\S+)`)
	for _, command := range []string{"sudo id -un", "assent run -- whoami"} {
		term := s.terminal(machine.Alice, command)
		s.sees(term, "in the console)")
		found := address.FindStringSubmatch(strings.Join(strings.Fields(term.Text()), " "))
		if found == nil {
			t.Fatalf("%s: %s", command, term.Text())
		}
		r := p.call("/requests/by-code", map[string]any{"code": found[1]})
		id, _ := r["id"].(string)
		if strings.Contains(term.Text(), "root") {
			t.Errorf("%s: it ran: %s", command, term.Text())
		}
		p.shows()
		p.call("/requests/"+id+"/confirm", nil)
		if got := s.ends(term); got.Code != 0 || !strings.Contains(got.Stdout, "root") {
			t.Errorf("%s: %s", command, got)
		}
		s.becomes(id, "ended")
	}
	term := s.terminal(machine.Alice, "sudo id -un")
	s.sees(term, "in the console)")
	s.sees(term, "waiting for your passkey")
	s.types(term, "b")
	if got := s.ends(term); got.Code != 1 || !strings.Contains(got.Stdout, "run the same command again") {
		t.Errorf("left: %s", got)
	}
	term = s.terminal(machine.Alice, "sudo id -un")
	s.sees(term, "in the console)")
	found := address.FindStringSubmatch(strings.Join(strings.Fields(term.Text()), " "))
	r := p.call("/requests/by-code", map[string]any{"code": found[1]})
	p.shows()
	p.call("/requests/"+r["id"].(string)+"/confirm", nil)
	if got := s.ends(term); got.Code != 0 || !strings.Contains(got.Stdout, "root") {
		t.Errorf("tried again: %s", got)
	}
}
