package sudo

import (
	"context"
	"errors"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/agent/privilege"
	"github.com/assent-epm/assent/shared/elevation"
)

// pass lets sudoers decide alone: Assent adds nothing and takes nothing away.
func pass() verdict { return verdict{allow: true} }

// ownRight tells the plugin that the user may do this without Assent, so that it
// goes on even if the agent is lost until the check.
const ownRight = "own"

const useRun = "use `assent run -- COMMAND` for this"

// wanted is one attempt, understood.
type wanted struct {
	typed    typed
	who      intercept.Account
	runAs    intercept.Account
	found    string   // where the program was found
	args     []string // as the program gets them
	ruleArgs []string // as sudoers compares them
	cwd      string
	path     string // where names are looked for
}

// open answers before sudoers is read.
func (s *Server) open(k *conn, p *peer, q call) verdict {
	uid, err := q.uid()
	if err != nil || uid == 0 {
		return pass()
	}
	t := read(q)
	if t.pass {
		return pass()
	}
	// What the plugin says must be what the kernel says.
	if real, err := p.realUID(); err != nil || real != uid {
		s.cfg.Log.Warn("a sudo was let through: its user is not the one it names", "uid", uid, "error", err)
		return pass()
	}
	u := s.of(uid)
	stance, free := s.stance(k, u, uid, p, q, t)
	if free != nil {
		return *free
	}
	w, err := s.understand(k.ctx, t, q, uid)
	switch {
	case errors.Is(err, intercept.ErrNoProgram):
		return s.notFound(k.ctx, u, w, err)
	case err != nil:
		s.cfg.Log.Info("a sudo was let through", "uid", uid, "error", err)
		return pass() // sudo says itself what is wrong
	}
	allowed, err := s.entitled(k.ctx, u, w.query(q))
	if err != nil {
		s.cfg.Log.Warn("a sudo was let through: the rights are not known", "uid", uid, "error", err)
		return pass()
	}
	if allowed && !s.lent(uid, p) {
		return verdict{allow: true, text: ownRight}
	}
	if stance != elevation.StanceAsk {
		return refuse(fault("this machine's policy does not let sudo ask for an approval", "ask your administrator"))
	}
	return s.answer(k, p, u, q, w)
}

// notFound answers for a program that is not there. Sudo says it itself to those
// who have any right; of others it would ask the password first, for nothing.
func (s *Server) notFound(ctx context.Context, u *user, w wanted, why error) verdict {
	if w.typed.shell {
		return pass()
	}
	if any, err := s.entitled(ctx, u, question{User: w.who}); any || err != nil {
		return pass()
	}
	return refuse(fault(why.Error(), "check the spelling, and whether it is installed"))
}

// understand finds out what would run, for the question about rights.
func (s *Server) understand(ctx context.Context, t typed, q call, uid uint32) (wanted, error) {
	w := wanted{typed: t, cwd: value(q.user, "cwd")}
	if filepath.IsAbs(t.chdir) {
		w.cwd = filepath.Clean(t.chdir)
	}
	info, err := s.rights.Info(ctx)
	if err != nil {
		return w, err
	}
	if w.who, err = intercept.LookupUID(uid); err != nil {
		return w, err
	}
	as := value(q.settings, "runas_user")
	switch {
	case as == "" && value(q.settings, "runas_group") != "":
		as = w.who.Name // -g alone stays the same user
	case as == "":
		as = info.RunAs
	}
	if w.runAs, err = intercept.LookupRunAs(as); err != nil {
		return w, err
	}
	w.path = info.SecurePath
	search := info.SecurePath
	if search == "" {
		search = value(q.env, "PATH")
	}
	switch {
	case t.edit:
		w.found = "sudoedit"
		for _, f := range q.argv[q.optind:] {
			w.args = append(w.args, f)
			w.ruleArgs = append(w.ruleArgs, beside(w.cwd, f))
		}
		return w, nil
	case t.shell:
		return w, w.shell(q)
	}
	w.args, w.ruleArgs = t.args, t.args
	w.found, err = intercept.Find(t.command, w.cwd, search)
	return w, err
}

// shell fills in what -s and -i run.
func (w *wanted) shell(q call) (err error) {
	name := value(q.env, "SHELL")
	if name == "" {
		name = w.who.Shell
	}
	if w.typed.login {
		name, w.cwd = w.runAs.Shell, w.runAs.Home
	}
	if !filepath.IsAbs(name) {
		return intercept.ErrNoProgram
	}
	if w.typed.command != "" {
		word := shellWord(q.argv[q.optind:])
		w.args, w.ruleArgs = []string{"-c", word}, []string{"-c", unshell(word)}
	}
	w.found, err = intercept.Find(name, "/", "")
	return err
}

func (w wanted) query(q call) question {
	return question{User: w.who, RunAs: w.runAs, Group: value(q.settings, "runas_group"), Path: w.found, Args: w.ruleArgs}
}

// entitled tells whether sudo alone would allow it. No rule of Assent for the
// user is in force while sudo is asked.
func (s *Server) entitled(ctx context.Context, u *user, q question) (bool, error) {
	if allowed, known := s.rights.Known(q); known {
		return allowed, nil
	}
	if !s.hold(u) {
		return false, errors.New("too many questions of one user at once")
	}
	defer s.release(u)
	if err := u.take(ctx); err != nil {
		return false, err
	}
	defer u.give()
	if allowed, known := s.rights.Known(q); known { // by whoever was before
		return allowed, nil
	}
	if dropinLeft(s.dir, q.User.UID) {
		return false, errors.New("a rule of Assent for this user is still there")
	}
	return s.rights.Ask(ctx, q)
}

// answer has the attempt of somebody without rights answered.
func (s *Server) answer(k *conn, p *peer, u *user, q call, w wanted) verdict {
	switch {
	case w.typed.refused != "":
		return refuse(fault("sudo with "+w.typed.refused+" is not covered by an approval", "leave it away, or "+useRun))
	case w.path == "":
		return refuse(fault("this machine's sudo has no secure_path, so programs could be swapped", useRun))
	}
	if why := w.elsewhere(); why != "" {
		return refuse(fault(why, "go there with cd first, and leave -D away"))
	}
	session := s.session(w.who.UID, p)
	attempt, real, err := s.observe(p, w)
	switch {
	case errors.Is(err, errEdit):
		return refuse(fault(err.Error(), "name the file itself by its whole path, below folders that only root can change; for others `assent run -- EDITOR FILE`"))
	case errors.Is(err, intercept.ErrTooLong):
		return refuse(fault(err.Error(), "put them into a file, or ask for a script that does the task"))
	case err != nil:
		s.cfg.Log.Info("an attempt was refused", "uid", w.who.UID, "error", err)
		return refuse(explain(err, false))
	case !real.RootOnly && session == "":
		return refuse(fault(shown(real.Found, 200)+" can be changed by others than root", useRun))
	}
	if _, err := ruleFor(w, real, elevation.Grant{}, s.cfg.Now()); err != nil {
		return refuse(fault(err.Error(), useRun))
	}
	if !s.hold(u) {
		return refuse(fault("too many of your commands wait for an approval", "wait for one of them, or withdraw it with Ctrl-C"))
	}
	defer s.release(u)
	if session != "" {
		return s.inSession(k, p, u, session, &held{wanted: w, attempt: attempt, real: real, session: session})
	}
	return s.elevate(k, p, u, q, &held{wanted: w, attempt: attempt, real: real})
}

// observe finds out everything about an attempt that a request says.
func (s *Server) observe(p *peer, w wanted) (elevation.Attempt, intercept.Real, error) {
	raw := intercept.Raw{
		User: w.who.User(), PID: p.pid, Command: w.found, Args: w.args, Cwd: w.cwd, Sets: w.typed.sets,
		RunAs: "#" + strconv.FormatUint(uint64(w.runAs.UID), 10), Mechanism: "sudo", Salt: s.cfg.Salt, Mask: s.cfg.Masks(),
	}
	switch {
	case w.typed.edit:
		return observeEdit(raw, w.args)
	case w.typed.shell:
		raw.Marks = []string{elevation.MarkShell}
	}
	return intercept.Observe(raw)
}

// elsewhere says why -D can not be followed: a folder that somebody else could
// swap for another one between the approval and the start.
func (w wanted) elsewhere() string {
	if w.typed.chdir == "" {
		return ""
	}
	real, only, err := privilege.Resolve(w.cwd)
	if only && err == nil {
		only, err = privilege.RootOnly(w.cwd)
	}
	if err != nil || !only || real != w.cwd || !filepath.IsAbs(w.typed.chdir) {
		return "the folder of -D is no plain path that only root can change"
	}
	return ""
}

// held is an attempt that waits for its answer.
type held struct {
	wanted
	attempt elevation.Attempt
	real    intercept.Real
	session elevation.GrantID // inside of which it is, "" = of none
}

func (s *Server) elevate(k *conn, p *peer, u *user, q call, h *held) verdict {
	cols, _ := strconv.Atoi(value(q.user, "cols"))
	rows, _ := strconv.Atoi(value(q.user, "lines"))
	who := &person{k: k, tty: value(q.user, "tty") != "", cols: cols, rows: rows, qr: value(q.env, "ASSENT_QR") == "1", now: s.cfg.Now}
	who.keys = isTrue(q.settings, "keys")
	who.speaks = s.speech(q, h.who.UID)
	who.hint = editHint(h.wanted, h.real)
	who.tell = func(text string) {
		if err := intercept.TellTerminal(p.pid, p.start, h.who.UID, text); err != nil {
			s.cfg.Log.Debug("a waiting sudo can not be told", "sudo_pid", p.pid, "error", err)
		}
	}
	reason := strings.TrimSpace(value(q.env, "ASSENT_REASON"))
	ticket := strings.TrimSpace(value(q.env, "ASSENT_TICKET"))
	for name, text := range map[string]string{"reason": reason, "ticket": ticket} {
		if err := elevation.CheckText(name, text, elevation.MaxJustification); err != nil {
			return refuse(who.explain(err, false))
		}
	}
	silent := h.typed.silent
	ask := intercept.Ask{
		Attempt: h.attempt, Justification: reason, Ticket: ticket,
		RulesOnly: silent && reason == "", NoWait: silent && reason != "", AtTerminal: who.tty && !silent, Tongue: who.speaks.Tongue,
	}
	if !who.tty {
		ask.Wait = s.cfg.Hold
	}
	if silent || h.typed.mute {
		who.tty = false // -n never asks; with -S and -A the answer would be a password
	}
	began := s.cfg.Now()
	permit, err := s.cfg.Elevator.Elevate(k.ctx, ask, who)
	who.leave()
	if err == nil {
		if err = s.late(k, who, began); err == nil {
			return s.arm(k, p, u, h, permit)
		}
		s.cfg.Effects.Release(permit.Grant.ID)
	}
	s.cfg.Log.Info("an attempt got no permit", "uid", h.who.UID, "path", h.real.Path, "error", err)
	if errors.Is(err, intercept.ErrWaitOver) && who.kept != "" {
		err = &intercept.Kept{Request: who.kept}
	}
	return refuse(who.explain(err, silent))
}

// late asks for Enter when the approval took so long that nobody may sit there.
func (s *Server) late(k *conn, who *person, began time.Time) error {
	if !who.tty || s.cfg.Now().Sub(began) <= s.cfg.Hold {
		return nil
	}
	_, err := k.prompt(k.ctx, intercept.Wrap(who.speaks.Tongue.Say("Approved. Press Enter to run it now (Ctrl-C keeps it for later): "), who.cols))
	if err != nil && who.kept != "" {
		return &intercept.Kept{Request: who.kept}
	}
	return err
}

// ruleFor is the line that sudoers gets, short-lived: it is in force only from
// the permit to the check, which a slow name service can delay.
func ruleFor(w wanted, real intercept.Real, g elevation.Grant, now time.Time) (string, error) {
	r := sudoRule{UID: w.who.UID, RunAs: w.runAs.UID, NotAfter: now.Add(time.Minute), SHA256: real.SHA256,
		Path: real.Found, Args: w.ruleArgs, Edit: w.typed.edit, AnyCwd: w.typed.chdir != "",
		Children: g.Children, Until: now.Add(g.Duration)}
	for _, set := range w.typed.sets {
		name, _, _ := strings.Cut(set, "=")
		r.Keep = append(r.Keep, name)
	}
	if real.Script {
		r.SHA256 = ""
	}
	return r.Text()
}
