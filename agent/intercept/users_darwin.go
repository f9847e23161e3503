package intercept

import (
	"os/user"
	"strconv"
)

// The directory of macOS is asked through the C library, which package user calls
// without cgo.

// lookupSID finds nobody: SIDs are of Windows.
func lookupSID(string) (Account, error) { return Account{}, ErrNoUser }

func lookupUID(uid uint32) (Account, error) {
	u, err := user.LookupId(strconv.FormatUint(uint64(uid), 10))
	return accountOfMac(nameService{}, u, err)
}

func lookupName(name string) (Account, error) {
	u, err := user.Lookup(name)
	return accountOfMac(nameService{}, u, err)
}
