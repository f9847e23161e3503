//go:build linux || darwin

package intercept

import (
	"os/user"
	"testing"
)

func TestNameService(t *testing.T) {
	u, err := user.LookupId("0")
	if err != nil {
		t.Fatal(err)
	}
	nameServiceContract(t, nameService{}, u)
}
