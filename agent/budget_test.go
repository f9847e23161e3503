package agent

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/agent/grants"
	"github.com/assent-epm/assent/agent/intercept"
	"github.com/assent-epm/assent/shared/elevation"
)

func TestBudgetOfADay(t *testing.T) {
	noon := time.Date(2026, 11, 22, 12, 0, 0, 0, time.Local)
	// entry was used at from for d, of what it was given total.
	entry := func(from time.Time, d, total time.Duration, change func(*grants.Entry)) grants.Entry {
		e := grants.Entry{UID: 1001, Used: true, State: grants.Ended, Access: elevation.Session, Total: total,
			EndBy: grants.Deadline{Wall: from.Add(total)}, EndedAt: from.Add(d)}
		if change != nil {
			change(&e)
		}
		return e
	}
	morning := noon.Add(-2 * time.Hour)
	rows := map[string]struct {
		all   []grants.Entry
		b     elevation.Budget
		left  time.Duration
		error string
	}{
		"nothing was used":             {nil, elevation.Budget{PerDay: time.Hour}, time.Hour, ""},
		"given back early":             {[]grants.Entry{entry(morning, 10*time.Minute, time.Hour, nil)}, elevation.Budget{PerDay: time.Hour}, 50 * time.Minute, ""},
		"administrator counts too":     {[]grants.Entry{entry(morning, 10*time.Minute, time.Hour, func(e *grants.Entry) { e.Access = elevation.Admin })}, elevation.Budget{PerDay: time.Hour}, 50 * time.Minute, ""},
		"a program does not":           {[]grants.Entry{entry(morning, time.Hour, time.Hour, func(e *grants.Entry) { e.Access = "" })}, elevation.Budget{PerDay: time.Hour}, time.Hour, ""},
		"a command of a session":       {[]grants.Entry{entry(morning, time.Hour, time.Hour, func(e *grants.Entry) { e.Parent = "gr_1" })}, elevation.Budget{PerDay: time.Hour}, time.Hour, ""},
		"somebody else":                {[]grants.Entry{entry(morning, time.Hour, time.Hour, func(e *grants.Entry) { e.UID = 1002 })}, elevation.Budget{PerDay: time.Hour}, time.Hour, ""},
		"never used":                   {[]grants.Entry{entry(morning, time.Hour, time.Hour, func(e *grants.Entry) { e.Used = false })}, elevation.Budget{PerDay: time.Hour}, time.Hour, ""},
		"it runs":                      {[]grants.Entry{entry(noon.Add(-20*time.Minute), 0, time.Hour, func(e *grants.Entry) { e.State = grants.Active })}, elevation.Budget{PerDay: time.Hour}, 40 * time.Minute, ""},
		"yesterday":                    {[]grants.Entry{entry(noon.Add(-24*time.Hour), time.Hour, time.Hour, nil)}, elevation.Budget{PerDay: time.Hour}, time.Hour, ""},
		"over midnight":                {[]grants.Entry{entry(noon.Add(-12*time.Hour-30*time.Minute), time.Hour, time.Hour, nil)}, elevation.Budget{PerDay: time.Hour}, 30 * time.Minute, ""},
		"ended late":                   {[]grants.Entry{entry(morning, 2*time.Hour, time.Hour, nil)}, elevation.Budget{PerDay: 2 * time.Hour}, time.Hour, ""},
		"all is used":                  {[]grants.Entry{entry(morning, time.Hour, time.Hour, nil)}, elevation.Budget{PerDay: time.Hour}, 0, "1h00m of 1h00m"},
		"a pause":                      {[]grants.Entry{entry(noon.Add(-20*time.Minute), 10*time.Minute, time.Hour, nil)}, elevation.Budget{Cooldown: 15 * time.Minute}, 0, "again from 12:05"},
		"the pause is over":            {[]grants.Entry{entry(noon.Add(-30*time.Minute), 10*time.Minute, time.Hour, nil)}, elevation.Budget{Cooldown: 15 * time.Minute}, 0, ""},
		"no pause while one runs":      {[]grants.Entry{entry(noon.Add(-time.Minute), 0, time.Hour, func(e *grants.Entry) { e.State = grants.Active }), entry(noon.Add(-20*time.Minute), 10*time.Minute, time.Hour, nil)}, elevation.Budget{Cooldown: 15 * time.Minute, PerDay: time.Hour}, 49 * time.Minute, ""},
		"too often":                    {[]grants.Entry{entry(morning, time.Minute, time.Hour, nil), entry(morning.Add(time.Hour), time.Minute, time.Hour, nil)}, elevation.Budget{Renewals: 1}, 0, "2 times"},
		"an extension is once more":    {[]grants.Entry{entry(morning, time.Minute, time.Hour, func(e *grants.Entry) { e.Amendments = []elevation.RequestID{"a"} })}, elevation.Budget{Renewals: 1}, 0, "2 times"},
		"as often as it may be":        {[]grants.Entry{entry(morning, time.Minute, time.Hour, nil)}, elevation.Budget{Renewals: 1}, 0, ""},
		"without a budget all is well": {[]grants.Entry{entry(morning, time.Hour, time.Hour, nil)}, elevation.Budget{}, 0, ""},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			left, _, err := useOf(row.all, "1001", noon).left(row.b, noon)
			if left != row.left || (err == nil) != (row.error == "") || err != nil && (!errors.Is(err, errBudget) || !strings.Contains(err.Error(), row.error)) {
				t.Errorf("left %v, %v", left, err)
			}
		})
	}
}

// TestBudgetIsKept: who has used the day is not asked for a reason, and who has
// little left gets no more than that, whatever was granted.
func TestBudgetIsKept(t *testing.T) {
	d := newDesk(t, t.TempDir())
	d.obey(elevation.Policy{Version: 1, Budget: elevation.Budget{PerDay: time.Hour}}, grants.Deadline{})
	today := time.Now().Local()
	noon := time.Date(today.Year(), today.Month(), today.Day(), 12, 0, 0, 0, time.Local).Sub(today) // what was used before midnight is of yesterday
	d.Clock = func() grants.Moment {
		m := clock()
		m.Wall = m.Wall.Add(noon)
		return m
	}
	now := d.Clock()
	spent := grants.Entry{ID: elevation.NewGrantID(now.Wall), Request: elevation.NewRequestID(now.Wall), UID: 1001, UserName: "alice", Grant: []byte{1}, State: grants.Ended, Used: true,
		Received: now, UseBy: now.After(time.Hour), Access: elevation.Session, Total: 50 * time.Minute, EndBy: now.After(0), EndReason: elevation.Completed, EndedAt: now.Wall, Reported: true}
	spent.EndBy.Wall = now.Wall
	if err := d.Ledger.Put(spent); err != nil {
		t.Fatal(err)
	}
	ask := intercept.Ask{Attempt: elevation.Attempt{AccessType: elevation.Session, User: elevation.User{UID: "1001", Name: "alice"}, Subject: elevation.Subject{RunAs: "root"}, Mechanism: "assent", Duration: time.Hour}}
	if err := d.withinBudget(&ask); err != nil || ask.Attempt.Duration > 10*time.Minute || ask.Attempt.Duration < 9*time.Minute {
		t.Errorf("asked for %v, %v", ask.Attempt.Duration, err)
	}
	e := grants.Entry{UID: 1001, Total: time.Hour, EndBy: now.After(time.Hour)}
	if err := d.afford(&e, elevation.Session); err != nil || e.Total > 10*time.Minute || e.EndBy.Left(now) > 10*time.Minute {
		t.Errorf("%v until %v, %v", e.Total, e.EndBy, err)
	}
	whole := grants.Entry{UID: 1001, Total: time.Hour, EndBy: now.After(time.Hour)}
	if err := d.afford(&whole, elevation.Run); err != nil || whole.Total != time.Hour {
		t.Errorf("a single program is cut to %v, %v", whole.Total, err)
	}
	d.obey(elevation.Policy{Version: 2, Budget: elevation.Budget{PerDay: 40 * time.Minute}}, grants.Deadline{})
	var refused *intercept.Refused
	if _, err := d.Elevate(t.Context(), ask, silent{}); !errors.As(err, &refused) || !strings.Contains(err.Error(), "again after midnight") {
		t.Errorf("a spent day: %v", err)
	}
	if err := d.afford(&e, elevation.Admin); !errors.Is(err, errBudget) {
		t.Errorf("a grant that waited: %v", err)
	}
	if mine, other := d.budgetStatus("1001"), d.budgetStatus("1002"); mine == nil || mine.Left != 0 || mine.Text == "" || other.Left != 2400 {
		t.Errorf("status says %+v and of somebody else %+v", mine, other)
	}
}
