package privilege

import (
	"errors"
	"testing"

	"golang.org/x/sys/windows"
)

// me is the SID of whoever runs this test.
func me(t *testing.T) string {
	t.Helper()
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		t.Fatal(err)
	}
	return user.User.Sid.String()
}

func TestLogOnsOfWindows(t *testing.T) { contractOfLogOns(t, windowsLogOns{}, me(t)) }

// Wine's LogonUser says yes to every password and gives a token that is none: such a
// yes is not believed.
func TestRealLogOn(t *testing.T) {
	err := Passwords{}.Check(t.Context(), me(t), "surely not the password")
	if !errors.Is(err, ErrPassword) && !errors.Is(err, ErrNoPassword) {
		t.Errorf("a password that is none: %v", err)
	}
}
