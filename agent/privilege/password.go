package privilege

import (
	"context"
	"errors"
)

// Errors of [Passwords.Check].
var (
	ErrPassword   = errors.New("that is not the password of this account")
	ErrNoPassword = errors.New("the password of this account can not be checked on this machine")
)

// MaxPassword is how long a password may be, in bytes.
const MaxPassword = 512

// PAMService is the file by which PAM checks passwords for us; packages bring it,
// and an administrator may change it.
const PAMService = "/etc/pam.d/assent"

// Passwords checks passwords of this machine's accounts.
type Passwords struct {
	// PAM is the program that asks PAM about accounts of a directory; "" = only
	// those of this machine's own files can be checked.
	PAM string
}

// Check reports whether a password is that of an account, which is a name, or a SID
// on Windows: nil, [ErrPassword], or [ErrNoPassword] where that can not be found out.
func (p Passwords) Check(ctx context.Context, user, password string) error {
	return p.check(ctx, user, password)
}

// Possible reports whether this machine can check any.
func (p Passwords) Possible() bool { return p.possible() }
