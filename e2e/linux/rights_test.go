package linux

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/controller/client"
	"github.com/assent-epm/assent/e2e/lab"
	"github.com/assent-epm/assent/e2e/machine"
)

// standing lists the rights that the controller knows of.
func (s *scene) standing(filter url.Values) []client.StandingRight {
	s.t.Helper()
	list, err := client.All[client.StandingRight](s.t.Context(), s.api, "/standing-rights", filter, 500)
	if err != nil {
		s.t.Fatal(err)
	}
	return list
}

// shortRights tells rights as "user via", those that were taken in brackets.
func shortRights(list []client.StandingRight) string {
	var out []string
	for _, r := range list {
		word := r.User + "%" + r.Group
		if r.Taken {
			word = "[" + word + "]"
		}
		out = append(out, word)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// standingAre waits until the controller knows exactly these.
func (s *scene) standingAre(want string) []client.StandingRight {
	s.t.Helper()
	var list []client.StandingRight
	s.until(20*time.Second, func() error {
		list = s.standing(nil)
		if got := shortRights(list); got != want {
			return fmt.Errorf("the rights are %q, not %q", got, want)
		}
		return nil
	})
	return list
}

// rightsNow is what sudo says of everybody, and the files with mode, owner and content.
func (s *scene) rightsNow() string {
	s.t.Helper()
	return s.asRoot("/bin/sh", "-c", `
for u in alice bob carol keeper; do sudo -l -U $u; id $u; done
cd /etc; stat -c '%n %a %u:%g' sudoers sudoers.d/* group gshadow; sha256sum sudoers sudoers.d/* group gshadow`).Stdout
}

// endpointID is the one endpoint of a scene, with the label ring=1.
func (s *scene) ringed() string {
	s.t.Helper()
	list, err := client.All[client.Endpoint](s.t.Context(), s.api, "/endpoints", nil, 10)
	if err != nil || len(list) != 1 {
		s.t.Fatal(list, err)
	}
	var e client.Endpoint
	body := map[string]any{"labels": map[string]string{"ring": "1"}}
	if err := s.api.Call(s.t.Context(), http.MethodPatch, "/endpoints/"+list[0].ID, nil, body, &e); err != nil {
		s.t.Fatal(err)
	}
	return e.ID
}

// ordersAll takes over or gives back everything on the endpoints of ring 1.
func (s *scene) ordersAll(verb string) {
	s.t.Helper()
	out, err := client.Post[client.EndpointResults](s.t.Context(), s.api, "/standing-rights/"+verb,
		client.OrderRightsByLabel{Labels: map[string]string{"ring": "1"}, Comment: "the ring asks from now on"})
	if err != nil || len(out.Results) != 1 || !out.Results[0].OK {
		s.t.Fatalf("%s: %+v %v", verb, out, err)
	}
}

// peopleWithRights makes alice an administrator by her group, bob by a drop-in, and
// keeper by a group of rescuers; carol has her drop-in from the image.
func (s *scene) peopleWithRights() {
	s.t.Helper()
	r := s.asRoot("/bin/sh", "-c", `set -e
usermod -aG sudo alice; groupadd rescue; useradd -m -G rescue keeper
printf 'alice:wonderland\nkeeper:keepsafe\n' | chpasswd
printf 'bob ALL=(ALL) NOPASSWD: ALL # for the backup\n' >/etc/sudoers.d/bob; chmod 0644 /etc/sudoers.d/bob
printf '%%rescue ALL=(ALL) ALL\n' >/etc/sudoers.d/rescue; chmod 0440 /etc/sudoers.d/rescue`)
	if r.Code != 0 {
		s.t.Fatal(r)
	}
}

// TestD10StandingRights: they are told, taken over by label, refused afterwards, and
// come back as they were: from the controller, without it, and at removal. The last
// administrator and the break-glass group are kept.
func TestD10StandingRights(t *testing.T) {
	s := machineFor(t, "rights")
	id := s.ringed()
	s.peopleWithRights()
	const before, after = "%rescue alice%sudo bob% carol%", "%rescue [alice%sudo] [bob%] [carol%]"
	for _, r := range s.standingAre(before) {
		if r.User == "bob" && (!r.NoPassword || !r.All || r.Source != "/etc/sudoers.d/bob:1") || r.User == "alice" && (r.NoPassword || r.Kind != "group") {
			t.Errorf("told as %+v", r)
		}
	}
	was := s.rightsNow()
	if got := s.typed(machine.Bob, "sudo -n id -u"); got.Code != 0 || strings.TrimSpace(got.Stdout) != "0" {
		t.Fatalf("before: %s", got)
	}

	s.ordersAll("take-over")
	for _, r := range s.standingAre(after) {
		if r.Group == "rescue" && (r.Order == nil || !strings.Contains(r.Order.Why, "last administrator")) {
			t.Errorf("the last administrator: %+v", r.Order)
		}
	}
	for _, who := range []string{machine.Alice, machine.Bob, machine.Carol} {
		if got := s.typed(who, "sudo -n true"); got.Code == 0 {
			t.Errorf("%s still runs sudo: %s", who, got)
		}
		if got := s.asRoot("/usr/bin/sudo", "-l", "-U", who); !strings.Contains(got.Stdout+got.Stderr, "not allowed to run sudo") {
			t.Errorf("sudo says of %s: %s", who, got)
		}
	}
	s.askedNow()
	s.alarmsOfNew()

	s.ordersAll("give-back")
	s.standingAre(before)
	s.equals("given back by the controller", was)

	s.scripted(id)
	s.standingAre(after)
	if got := s.asRoot("/usr/local/bin/assent-agent", "give-back", "--list"); strings.Count(got.Stdout, "\n") != 3 {
		t.Errorf("give-back --list: %s", got)
	}
	if got := s.asRoot("/usr/local/bin/assent-agent", "give-back"); got.Code != 0 || strings.Count(got.Stdout, "given back:") != 3 {
		t.Errorf("give-back: %s", got)
	}
	s.equals("given back without the controller", was)
	s.standingAre(before)

	s.killed("rights planned", func() { s.ordersAll("take-over"); s.standingAre(after) })
	s.killed("rights restored", func() { s.ordersAll("give-back"); s.standingAre(before) })
	s.equals("killed in the middle", was)

	s.breakGlass(id, was)
}

// killed lets the agent die at a step of what do orders. sudo works meanwhile, and
// the next start brings it to its end.
func (s *scene) killed(step string, do func()) {
	s.t.Helper()
	unit := "[Service]\nEnvironment=\"ASSENT_FAIL=" + step + "\" ASSENT_FAIL_ONCE=/run/assent-fail\n"
	if err := s.machine.Write("/etc/systemd/system/assent-agent.service.d/fail.conf", []byte(unit), 0o644); err != nil {
		s.t.Fatal(err)
	}
	if r := s.asRoot("/bin/sh", "-c", "touch /run/assent-fail && systemctl daemon-reload && systemctl restart assent-agent.service"); r.Code != 0 {
		s.t.Fatal(r)
	}
	if err := lab.AwaitConnected(s.t.Context(), s.machine); err != nil {
		s.t.Fatal(err)
	}
	do()
	if r := s.asRoot("/usr/bin/find", "/run/assent-fail"); r.Code == 0 {
		s.t.Errorf("the agent did not come to %q", step)
	}
	if r := s.asRoot("/usr/sbin/visudo", "-cf", "/etc/sudoers"); r.Code != 0 {
		s.t.Errorf("after %q: %s", step, r)
	}
}

// scripted takes everything over with assentctl.
func (s *scene) scripted(id string) {
	s.t.Helper()
	ctl := func(code int, args ...string) string {
		s.t.Helper()
		r, err := s.controller.Ctl(s.t.Context(), args...)
		if err != nil || r.Code != code {
			s.t.Errorf("assentctl %v: %v %s", args, err, r)
		}
		return r.Stdout
	}
	got := ctl(0, "rights", "list", "--user", "bob", "--format", "csv", "--columns", "endpoint,user,via,source,all,nopasswd,taken")
	if want := "rights,bob,sudoers,/etc/sudoers.d/bob:1,true,true,false"; !strings.Contains(got, want) {
		s.t.Errorf("rights list says %q, want %q", got, want)
	}
	ctl(2, "endpoint", "take-over", id)
	ctl(2, "endpoint", "take-over", "--comment", "x")
	ctl(2, "endpoint", "take-over", "--label", "ring=1", "--comment", "x") // several, without a terminal
	ctl(6, "endpoint", "give-back", id, "--comment", "nothing is taken")
	ctl(0, "endpoint", "take-over", "--label", "ring=1", "--comment", "the ring asks", "--yes")
	if got := ctl(0, "endpoint", "list", "--format", "csv", "--columns", "name,standing_rights"); !strings.Contains(got, "rights,") {
		s.t.Errorf("endpoint list says %q", got)
	}
	if got := ctl(0, "report", "standing-rights", "--format", "csv"); !strings.Contains(got, "taken_over") {
		s.t.Errorf("the report says %q", got)
	}
}

// askedNow: who had rights asks like everybody else.
func (s *scene) askedNow() {
	s.t.Helper()
	term := s.terminal(machine.Bob, "sudo id -u")
	s.sees(term, "Reason:")
	s.types(term, "looking after the backup\n")
	r := s.pending(program("/usr/bin/id"))
	s.act(r.ID, "approve", "fine")
	if got := s.ends(term); got.Code != 0 {
		s.t.Errorf("sudo ended as %s", got)
	}
}

// alarmsOfNew: a right that appears on a machine that was taken over is an event.
func (s *scene) alarmsOfNew() {
	s.t.Helper()
	s.asRoot("/bin/sh", "-c", "umask 227; printf 'bob ALL=(root) NOPASSWD: /usr/bin/id\\n' >/etc/sudoers.d/again")
	s.until(20*time.Second, func() error {
		list, err := client.Get[client.AuditPage](s.t.Context(), s.api, "/audit", url.Values{"kind": {"rights.changed"}, "limit": {"100"}})
		if err != nil {
			return err
		}
		for _, e := range list.Items {
			if e.Data["appeared"] == "1" && e.Data["taken_over"] == "3" {
				return nil
			}
		}
		return fmt.Errorf("none of %d events tells of it", len(list.Items))
	})
	s.asRoot("/bin/rm", "/etc/sudoers.d/again")
}

func (s *scene) equals(when, was string) {
	s.t.Helper()
	if got := s.rightsNow(); got != was {
		s.t.Errorf("%s, the rights are not as before:\n--- before\n%s\n--- now\n%s", when, was, got)
	}
}

// breakGlass: the group of the policy is never touched, and removal gives the rest
// back.
func (s *scene) breakGlass(id, was string) {
	s.t.Helper()
	body := client.PutPolicies{Items: []client.Policy{{Name: "all", Mode: "ask", BreakGlass: "sudo"}}}
	if err := s.api.Call(s.t.Context(), http.MethodPut, "/policies", nil, body, nil); err != nil {
		s.t.Fatal(err)
	}
	s.until(20*time.Second, func() error {
		for _, r := range s.standing(url.Values{"user": {machine.Alice}}) {
			if strings.Contains(r.Fixed, "break-glass") {
				return nil
			}
		}
		return fmt.Errorf("alice's membership is not fixed")
	})
	if _, err := s.api.TakeOver(s.t.Context(), id, client.OrderRights{Comment: "all of it"}); err != nil {
		s.t.Fatal(err)
	}
	s.standingAre("[%rescue] [bob%] [carol%] alice%sudo")
	if got := s.asRoot("/usr/local/bin/assent-agent", "uninstall"); got.Code != 0 {
		s.t.Errorf("uninstall: %s", got)
	}
	s.equals("after removal", was)
}
