// Package demo gives a new controller a past to look at: two weeks of an
// invented office, with its approvers, teams and machines.
//
// The past is made by the same queue that serves afterwards, at a [Clock] that
// begins two weeks ago and moves with what happens, so that every request has
// its reviews, its grant, its reports and its audit events, and every proof
// holds. Nothing is elevated anywhere; the machines of the past are not there
// to be asked. [Make] is for data that is thrown away.
package demo

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/assent-epm/assent/controller/admin"
	"github.com/assent-epm/assent/controller/audit"
	"github.com/assent-epm/assent/controller/auth"
	"github.com/assent-epm/assent/controller/queue"
	"github.com/assent-epm/assent/controller/store"
	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/office"
	"github.com/assent-epm/assent/shared/wire"
)

// Past is how far back the past goes.
const Past = 14 * 24 * time.Hour

const (
	firstSeat = 40  // the seats before are for a simulated fleet
	seats     = 200 // machines of the past
	perDay    = 60  // requests of a working day
	rulesDay  = 4   // on which the first rules were put in force
)

// Person is somebody whose seat a visitor may take.
type Person struct {
	Login string
	Role  auth.Role
}

// Cast are those whose seat a visitor may take, one of each role but the first
// administrator, who has a link of their own.
func Cast() []Person {
	return []Person{{"maria.lopez", auth.Approver}, {"rita.lang", auth.RuleAuthor}, {"sofia.marin", auth.SecurityAdmin}, {"paul.dietz", auth.Auditor}, {office.Visitor, auth.Requester}}
}

// Config is what the past is made with.
type Config struct {
	Store *store.Store
	Queue *queue.Queue
	Admin *admin.Admin
	Clock *Clock
	Seed  uint64
}

// maker is one making of a past.
type maker struct {
	Config
	rng       *rand.Rand
	approvers []auth.Actor
	author    auth.Actor // of the rules
	machines  []store.Endpoint
	reports   map[elevation.EndpointID]uint64
}

// Make fills a new controller with its past and leaves the clock at the real
// time. The data has to be new.
func Make(ctx context.Context, cfg Config) error {
	m := &maker{Config: cfg, rng: rand.New(rand.NewPCG(cfg.Seed, 0x6f6666696365)), reports: map[elevation.EndpointID]uint64{}}
	if err := m.people(ctx); err != nil {
		return fmt.Errorf("make the people of the demonstration: %w", err)
	}
	if err := m.fleet(ctx); err != nil {
		return fmt.Errorf("make the machines of the demonstration: %w", err)
	}
	end, n := time.Now().Add(-10*time.Minute), 0
	for day := m.Clock.Now(); day.Before(end); day = day.Add(24 * time.Hour) {
		if n == rulesDay {
			if err := m.rules(ctx); err != nil {
				return fmt.Errorf("make the rules of the demonstration: %w", err)
			}
		}
		if err := m.day(ctx, day, end); err != nil {
			return fmt.Errorf("make the past of the demonstration: %w", err)
		}
		n++
	}
	m.Clock.present()
	return nil
}

// people makes approvers: all are in the team that every install has, the first two
// also in one of their own. Those two decide.
func (m *maker) people(ctx context.Context) error {
	var platform []string
	for i, login := range []string{"maria.lopez", "bo.chen", "sven.olsen", "aisha.khan"} {
		u, err := m.Admin.AddUser(ctx, admin.Local(), admin.NewUser{Login: login, Roles: []auth.Role{auth.Approver}})
		if err != nil {
			return err
		}
		m.approvers = append(m.approvers, auth.Actor{User: u.ID, Login: u.Login, Roles: u.Roles})
		if i < 2 {
			platform = append(platform, login)
		}
	}
	for _, p := range Cast()[1:] {
		u, err := m.Admin.AddUser(ctx, admin.Local(), admin.NewUser{Login: p.Login, Roles: []auth.Role{p.Role}})
		if err != nil {
			return err
		}
		if p.Role == auth.RuleAuthor {
			m.author = auth.Actor{User: u.ID, Login: u.Login, Roles: u.Roles}
		}
	}
	for _, login := range office.People() {
		if _, err := m.Admin.AddUser(ctx, admin.Local(), admin.NewUser{Login: login, Roles: []auth.Role{auth.Requester}}); err != nil {
			return err
		}
	}
	name, hours := "Platform on-call", ""
	_, err := m.Admin.AddTeam(ctx, admin.Local(), admin.EditTeam{Name: &name, Members: &platform, Labels: &map[string]string{"role": "server"}, Hours: &hours})
	return err
}

// fleet makes the machines of the past.
func (m *maker) fleet(ctx context.Context) error {
	for n := firstSeat; n < firstSeat+seats; n++ {
		now := m.Clock.Now()
		host, system, _ := office.Seat(n)
		spki := sha256.Sum256([]byte(host))
		role := "workstation"
		if n%5 == 0 || n%5 == 4 {
			role = "server"
		}
		m.machines = append(m.machines, store.Endpoint{ID: elevation.EndpointID(elevation.NewID(elevation.EndpointPrefix, now)), Name: host, SPKI: spki[:],
			Labels: map[string]string{"role": role, "site": []string{"berlin", "lisbon", "oslo"}[n%3]}, Mode: string(elevation.ModeAsk),
			Facts:        wire.Facts{Hostname: host, OS: "linux", OSVersion: system, Arch: "amd64", AgentVersion: "demonstration"},
			Capabilities: []string{"run", "sudo", "question", "extend", "policy", "observe"},
			EnrolledAt:   now, LastSeen: now, CertNotAfter: now.Add(30 * 24 * time.Hour)})
	}
	return m.Store.Update(ctx, func(tx *store.Tx) error {
		for _, e := range m.machines {
			enrolled := audit.Event{At: e.EnrolledAt, Kind: audit.EndpointEnrolled, Endpoint: e.ID,
				Actor: elevation.Actor{Kind: elevation.ByEndpoint, ID: string(e.ID), Name: e.Name}, Data: map[string]string{"name": e.Name, "os": e.Facts.OS}}
			if err := errors.Join(tx.InsertEndpoint(e), tx.Append(enrolled)); err != nil {
				return err
			}
		}
		return nil
	})
}

// day plays one day: requests come over its working hours, few at a weekend.
func (m *maker) day(ctx context.Context, day, end time.Time) error {
	n := perDay
	if wd := day.Weekday(); wd == time.Saturday || wd == time.Sunday {
		n /= 10
	}
	gap := 24 * time.Hour / time.Duration(n)
	for i := range n {
		at := day.Add(time.Duration(i) * gap).Add(time.Duration(m.rng.Int64N(int64(gap))))
		if at.After(end) {
			return nil
		}
		m.Clock.set(at)
		if _, _, err := m.Queue.Sweep(ctx); err != nil {
			return err
		}
		if err := m.one(ctx); err != nil {
			return err
		}
	}
	return nil
}

// one plays one request to its end; one in thirty is left unanswered.
func (m *maker) one(ctx context.Context) error {
	seat := m.rng.IntN(seats)
	ep := m.machines[seat]
	_, _, owner := office.Seat(firstSeat + seat)
	t := m.task(seat)
	id := elevation.NewRequestID(m.Clock.Now())
	sum, digest := sha256.Sum256([]byte(t.Argv[0])), sha256.Sum256([]byte(id))
	answer, err := m.Queue.Draft(ctx, ep.ID, wire.Attempt{Request: id, AtTerminal: false, Attempt: elevation.Attempt{AccessType: elevation.Run, Mechanism: "sudo",
		Priority: t.Priority, User: elevation.User{Name: owner, UID: office.UID(owner), Groups: []string{owner, "users"}},
		Subject: elevation.Subject{Path: t.Argv[0], Args: t.Argv[1:], ArgsDigest: digest[:], Cwd: "/home/" + owner, RunAs: "root",
			SHA256: fmt.Sprintf("%x", sum), Size: 35000, Parent: "/usr/bin/bash"}}})
	switch {
	case err != nil:
		return err
	case answer.Decided:
		return m.byRule(ctx, ep, id)
	case answer.Need == nil || answer.Need.Joined != "":
		return nil
	}
	if _, err := m.Queue.Complete(ctx, ep.ID, wire.Complete{Request: id, Justification: t.Reasons[m.rng.IntN(len(t.Reasons))]}); err != nil {
		return err
	}
	if m.rng.IntN(30) == 0 {
		return nil
	}
	m.wait(time.Duration(20+m.rng.ExpFloat64()*240) * time.Second)
	return m.answer(ctx, ep, id, t)
}

// task is what is wanted at a seat: mostly one of the few things that its owner
// needs again and again.
func (m *maker) task(seat int) office.Task {
	tasks := office.Tasks()
	if m.rng.IntN(4) == 0 {
		return tasks[m.rng.IntN(len(tasks))]
	}
	return tasks[(seat*5+m.rng.IntN(3)*7)%len(tasks)]
}

// byRule plays the use of what a rule answered.
func (m *maker) byRule(ctx context.Context, ep store.Endpoint, id elevation.RequestID) error {
	var r elevation.Request
	err := m.Store.View(ctx, func(tx *store.Tx) (err error) { r, err = tx.Request(id); return err })
	if err != nil || r.Decision == nil || r.Decision.Verdict != elevation.Approved {
		return err
	}
	return m.use(ctx, ep, id, r.Grant.ID)
}

// answer has an approver decide, and the machine report what came of it.
func (m *maker) answer(ctx context.Context, ep store.Endpoint, id elevation.RequestID, t office.Task) error {
	in := queue.ReviewIn{Verdict: elevation.Approved}
	switch {
	case t.Doubt != "" && m.rng.IntN(3) == 0:
		in = queue.ReviewIn{Verdict: elevation.Denied, Comment: t.Doubt}
	case m.rng.IntN(12) == 0:
		in.Comment = "Fine for today."
	}
	who := m.approvers[int(m.rng.ExpFloat64())%2] // one far more often; both are in every team
	v, err := m.Queue.Review(ctx, who, id, in)
	if err != nil || in.Verdict != elevation.Approved || v.Request.Grant.ID == "" {
		return err
	}
	return m.use(ctx, ep, id, v.Request.Grant.ID)
}

// use has the machine report that a grant came, was used and is over.
func (m *maker) use(ctx context.Context, ep store.Endpoint, id elevation.RequestID, grant elevation.GrantID) error {
	for _, step := range []struct {
		kind  elevation.ReportKind
		after time.Duration
	}{{elevation.ReportDelivered, time.Second}, {elevation.ReportStarted, time.Second}, {elevation.ReportEnded, time.Duration(5+m.rng.IntN(60)) * time.Second}} {
		m.wait(step.after)
		m.reports[ep.ID]++
		r := wire.Report{Seq: m.reports[ep.ID], Request: id, Grant: grant, Kind: step.kind, At: m.Clock.Now()}
		if step.kind == elevation.ReportEnded {
			r.Reason, r.Exit = elevation.Completed, new(int)
		}
		if err := m.Queue.Report(ctx, ep.ID, r); err != nil {
			return err
		}
	}
	return nil
}

func (m *maker) wait(d time.Duration) { m.Clock.set(m.Clock.Now().Add(d)) }
