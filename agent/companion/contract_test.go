package companion

import (
	"slices"
	"testing"
	"time"
)

// room is a session that a contract is run in.
type room struct {
	desk          Desk
	session       uint32
	person        string
	administrator bool
	want          func(t *testing.T) // there is an entry from now on
	ran           func() bool        // the program has run, as its person
	free          uint32             // a session that is none; 0 where each number is one, as in Wine
}

// contract is what every desk does.
func contract(t *testing.T, r room) {
	t.Helper()
	if is, err := r.desk.Wanted(); is || err != nil {
		t.Errorf("without an entry: %v %v", is, err)
	}
	r.want(t)
	if is, err := r.desk.Wanted(); !is || err != nil {
		t.Errorf("with an entry: %v %v", is, err)
	}
	all, err := r.desk.Sessions()
	there := func(id uint32) bool { return slices.ContainsFunc(all, func(p Place) bool { return p.ID == id }) }
	if err != nil || !slices.Contains(all, Place{r.session, true}) || r.free != 0 && there(r.free) {
		t.Fatalf("sessions: %v %v", all, err)
	}
	if seat, err := r.desk.Sit(r.free); r.free != 0 && err == nil {
		seat.Leave()
		t.Error("somebody sits where no session is")
	}
	seat, err := r.desk.Sit(r.session)
	if err != nil {
		t.Fatal(err)
	}
	if is, err := seat.Who(); err != nil || is != (Sitter{r.person, r.administrator}) {
		t.Errorf("it is %+v %v", is, err)
	}
	if err := seat.Start(); err != nil {
		t.Error(err)
	}
	seat.Leave()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for late := time.After(30 * time.Second); !r.ran(); {
		select {
		case <-again.C:
		case <-late:
			t.Fatal("it has not started")
		}
	}
}

func TestOffice(t *testing.T) {
	o := &office{sessions: []Session{{3, ann}}, admins: []string{ann}, alive: map[string]bool{}, unwanted: true}
	contract(t, room{desk: o, session: 3, person: ann, administrator: true, free: 9, ran: func() bool { return o.here(ann) },
		want: func(*testing.T) { o.unwanted = false }})
	if o.held != 0 {
		t.Errorf("%d seats are still held", o.held)
	}
}
