package intercept

import (
	"testing"

	"golang.org/x/sys/windows"
)

func TestDirectoryOfWindows(t *testing.T) {
	token, err := windows.OpenCurrentProcessToken()
	if err != nil {
		t.Fatal(err)
	}
	defer token.Close()
	u, err := token.GetTokenUser()
	if err != nil {
		t.Fatal(err)
	}
	winDirectoryContract(t, directory{}, u.User.Sid.String())
}
