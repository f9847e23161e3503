package privilege

import (
	"errors"
	"strings"
	"testing"
)

// directory is a log-on service that knows accounts.
type directory struct {
	accounts map[string][2]string // by SID: name and password
	answer   error                // in place of what it knows
	as       string               // whose account a log-on is in the end
}

func (d directory) name(sid string) (string, string, error) {
	a, ok := d.accounts[sid]
	if !ok {
		return "", "", errors.New("no account has this SID")
	}
	return a[0], "PC", nil
}

func (d directory) logOn(account, domain, password string) (string, error) {
	if d.answer != nil {
		return "", d.answer
	}
	if strings.ContainsRune(password, 0) {
		return "", errors.New("it is no text")
	}
	for sid, a := range d.accounts {
		if a[0] == account && domain == "PC" && a[1] == password {
			if d.as != "" {
				return d.as, nil
			}
			return sid, nil
		}
	}
	return "", wrongPassword
}

// contractOfLogOns is what a log-on service says of a person who is here.
func contractOfLogOns(t *testing.T, of logOns, sid string) {
	account, domain, err := of.name(sid)
	if err != nil || account == "" || domain == "" {
		t.Fatalf("%s is %q of %q, %v", sid, account, domain, err)
	}
	if account, _, err := of.name("S-1-5-21-9-9-9-9999"); err == nil {
		t.Errorf("nobody is %q", account)
	}
	if got, err := of.logOn(account, domain, "no\x00text"); err == nil || got != "" || errors.Is(err, wrongPassword) {
		t.Errorf("a password that is no text: %q, %v", got, err)
	}
	got, err := of.logOn(account, domain, "surely not the password")
	if err == nil || got != "" {
		t.Errorf("a password that is none is that of %q, %v", got, err)
	}
	if !errors.Is(err, wrongPassword) {
		t.Skipf("Wine says yes to every password, with a log-on that is nobody's: %v", err)
	}
}

func TestLogOnsOfTheDirectory(t *testing.T) {
	contractOfLogOns(t, directory{accounts: map[string][2]string{windowsAlice: {"alice", "geheim"}}}, windowsAlice)
}

func TestPasswordsOfWindows(t *testing.T) {
	const mia, bo = "S-1-5-21-1-2-3-1001", "S-1-5-21-1-2-3-1002"
	d := directory{accounts: map[string][2]string{mia: {"mia", "geheim"}, bo: {"bo", "anders"}, "S-1-12-1-1-2-3-4": {"cloud", "geheim"}, "S-1-5-18": {"SYSTEM", "geheim"}}}
	for name, row := range map[string]struct {
		sid, password string
		answer        error
		as            string
		want          error
	}{
		"right":                     {sid: mia, password: "geheim"},
		"wrong":                     {sid: mia, password: "Geheim", want: ErrPassword},
		"somebody else's":           {sid: mia, password: "anders", want: ErrPassword},
		"empty":                     {sid: mia, want: ErrPassword},
		"too long":                  {sid: mia, password: strings.Repeat("x", MaxPassword+1), want: ErrPassword},
		"with an end inside":        {sid: mia, password: "geheim\x00x", want: ErrPassword},
		"no text":                   {sid: mia, password: "geheim\xff", want: ErrPassword},
		"the log-on was of another": {sid: mia, password: "geheim", as: bo, want: ErrNoPassword},
		"nobody knows whose it was": {sid: mia, password: "geheim", as: "S-1-0-0", want: ErrNoPassword},
		"the account is locked":     {sid: mia, password: "geheim", answer: logOnError(1909), want: ErrNoPassword},
		"no server":                 {sid: mia, password: "geheim", answer: logOnError(1311), want: ErrNoPassword},
		"a number not known":        {sid: mia, password: "geheim", answer: logOnError(4711), want: ErrNoPassword},
		"in the cloud":              {sid: "S-1-12-1-1-2-3-4", password: "geheim", want: ErrCloudAccount},
		"the system":                {sid: "S-1-5-18", password: "geheim", want: ErrNoPassword},
		"a name is no SID":          {sid: "mia", password: "geheim", want: ErrNoPassword},
		"nobody has that SID":       {sid: "S-1-5-21-1-2-3-9", password: "geheim", want: ErrNoPassword},
	} {
		d.answer, d.as = row.answer, row.as
		err := checkLogOn(d, row.sid, row.password)
		if !errors.Is(err, row.want) || err != nil && strings.Contains(err.Error(), "geheim") {
			t.Errorf("%s: %v, want %v", name, err, row.want)
		}
	}
}
