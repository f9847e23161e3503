package privilege

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// This file has what is decided about passwords of Windows. It runs everywhere.

// logOns is the system's log-on service.
type logOns interface {
	// name is that of an account.
	name(sid string) (account, domain string, err error)
	// logOn tries a password and is whose account it was.
	logOn(account, domain, password string) (sid string, err error)
}

// logOnError is an answer of the log-on service by its number.
type logOnError uint32

func (e logOnError) Error() string {
	if text, ok := logOnAnswers()[e]; ok {
		return text
	}
	return fmt.Sprintf("the log-on service answers %d", uint32(e))
}

// wrongPassword is the only answer by which a password is wrong (ERROR_LOGON_FAILURE).
const wrongPassword logOnError = 1326

func logOnAnswers() map[logOnError]string {
	return map[logOnError]string{
		wrongPassword: "the name or the password is wrong",
		1311:          "no server of the domain can be reached",
		1327:          "the account may not be used like this",
		1328:          "the account may not be used at this time",
		1329:          "the account may not be used on this computer",
		1330:          "the password is too old",
		1331:          "the account is switched off",
		1385:          "the account may not log on from the network, which is how passwords are checked",
		1793:          "the account is over",
		1907:          "the password has to be changed first",
		1909:          "the account is locked",
	}
}

// ErrCloudAccount: this machine knows no password of such accounts.
var ErrCloudAccount = errors.New("it belongs to a directory in the cloud, whose passwords this computer does not check")

// checkLogOn has the log-on service try a password of a person. That it says yes is
// not enough: the log-on must be of the same account.
func checkLogOn(s logOns, sid, password string) error {
	switch {
	case password == "" || len(password) > MaxPassword || strings.ContainsRune(password, 0) || !utf8.ValidString(password):
		return ErrPassword
	case !isPerson(sid):
		return fmt.Errorf("%w: %q is no person", ErrNoPassword, sid)
	case strings.HasPrefix(sid, "S-1-12-1-"):
		return fmt.Errorf("%w: %w", ErrNoPassword, ErrCloudAccount)
	}
	account, domain, err := s.name(sid)
	if err != nil || account == "" {
		return errors.Join(ErrNoPassword, err)
	}
	got, err := s.logOn(account, domain, password)
	switch {
	case errors.Is(err, wrongPassword):
		return ErrPassword
	case err != nil:
		return fmt.Errorf("%w: %w", ErrNoPassword, err)
	case got != sid:
		return fmt.Errorf("%w: the log-on was of %q", ErrNoPassword, got)
	}
	return nil
}
