package tray

import (
	"os"
	"testing"

	"golang.org/x/sys/windows"
)

// Wine has one person: that others' programs can not be opened is not shown.
func TestThisTable(t *testing.T) {
	user, err := windows.GetCurrentProcessToken().GetTokenUser()
	if err != nil {
		t.Fatal(err)
	}
	tableContract(t, thisTable{}, connected(t), user.User.Sid.String(), uint32(os.Getpid()))
}
