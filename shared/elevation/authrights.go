package elevation

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// This file says which authorization rights of macOS can be set, and for whom. A
// machine's own file and the controller's policies are held to the same.

// CanAuthorizationRights is the capability of endpoints that set the authorization
// rights of macOS as their policy says.
const CanAuthorizationRights = "authorization_rights"

// RightLevel says who may use an authorization right.
type RightLevel string

// The levels. The zero value is none of them and is refused.
const (
	RightUser   RightLevel = "user"   // whoever sits at the screen, with their own password
	RightAdmin  RightLevel = "admin"  // an administrator, with their password each time
	RightNobody RightLevel = "nobody" // no one
)

// MaxAuthorizationRights is how many rights one policy, or one machine's file, can set.
const MaxAuthorizationRights = 100

const maxRightName = 200 // bytes

var rightForm = regexp.MustCompile(`^[a-z][A-Za-z0-9-]*(\.[A-Za-z0-9-]+){1,10}$`)

// RightFault is why one authorization right can not be set.
type RightFault struct {
	Right string
	Why   string
}

// Error is the fault in one line.
func (f *RightFault) Error() string {
	return fmt.Sprintf("authorization_rights %.*q: %s", maxRightName, f.Right, f.Why)
}

// Unwrap makes it invalid input.
func (f *RightFault) Unwrap() error { return ErrInvalid }

// rightsForUsers are the rights that may be given to people who are no administrators:
// none of them leads to another one.
func rightsForUsers() []string {
	return []string{"system.preferences.datetime", "system.preferences.dateandtime.changetimezone", "system.preferences.energysaver", "system.preferences.network",
		"system.preferences.printing", "system.preferences.timemachine", "system.print.admin", "system.print.operator", "system.services.systemconfiguration.network"}
}

// CheckAuthorizationRight refuses with a [RightFault] what can not be set.
func CheckAuthorizationRight(right string, level RightLevel) error {
	fault := func(format string, args ...any) error {
		return &RightFault{right, fmt.Sprintf(format, args...)}
	}
	if len(right) > maxRightName || !rightForm.MatchString(right) {
		return fault("that is not the name of a right")
	}
	for _, root := range []string{"system.login", "system.privilege", "config", "authenticate", "system.keychain", "system.volume.internal"} {
		if right == root || strings.HasPrefix(right, root+".") {
			return fault("it is needed by the system itself")
		}
	}
	switch level {
	case RightAdmin, RightNobody:
		return nil
	case RightUser:
		if !slices.Contains(rightsForUsers(), right) {
			return fault("it can lead to every other right, so it is not for everybody at the screen: admin or nobody")
		}
		return nil
	}
	return fault("%.*q is not somebody who can be given a right: user, admin or nobody", maxRightName, string(level))
}

// CheckAuthorizationRights refuses too many rights, and the first that can not be set.
func CheckAuthorizationRights(all map[string]RightLevel) error {
	if len(all) > MaxAuthorizationRights {
		return fmt.Errorf("%w: authorization_rights are %d, but there may be %d", ErrInvalid, len(all), MaxAuthorizationRights)
	}
	for _, right := range slices.Sorted(maps.Keys(all)) {
		if err := CheckAuthorizationRight(right, all[right]); err != nil {
			return err
		}
	}
	return nil
}
