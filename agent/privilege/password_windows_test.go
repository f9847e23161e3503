package privilege

import (
	"errors"
	"testing"

	"golang.org/x/sys/windows"
)

// The real calls: who we are has a name, and a password that is none is refused.
// Wine's LogonUser says yes to every password and gives a token that is none, so
// that nothing of right and wrong can be shown here; that such a yes is not believed
// can.
func TestRealLogOn(t *testing.T) {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		t.Fatal(err)
	}
	sid := user.User.Sid.String()
	if name, domain, err := (windowsLogOns{}).name(sid); err != nil || name == "" || domain == "" {
		t.Errorf("%s is %q of %q, %v", sid, name, domain, err)
	}
	err = Passwords{}.Check(t.Context(), sid, "surely not the password")
	switch {
	case err == nil:
		t.Fatal("a password that is none is believed")
	case errors.Is(err, ErrNoPassword):
		t.Skipf("Wine says yes to every password: %v", err)
	case !errors.Is(err, ErrPassword):
		t.Error(err)
	}
}
