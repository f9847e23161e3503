package privilege

import "testing"

func TestUsersAndUIDs(t *testing.T) {
	for _, row := range []struct {
		user string
		uid  uint32
		sid  string
		ok   bool
	}{
		{"0", 0, "", true},
		{"1001", 1001, "", true},
		{"S-1-5-21-1004336348-1177238915-682003330-1001", NoUID, "S-1-5-21-1004336348-1177238915-682003330-1001", true},
		{"S-1-5-18", NoUID, "S-1-5-18", true},
		{"", 0, "", false},
		{"01", 0, "", false},
		{"+1", 0, "", false},
		{"-1", 0, "", false},
		{"4294967295", 0, "", false},
		{"4294967294", 0, "", false},
		{"4294967296", 0, "", false},
		{"S-1-", 0, "", false},
		{"S-1-5", 0, "", false},
		{"S-1-5-21-01", 0, "", false},
		{"S-1-5-x", 0, "", false},
		{"root", 0, "", false},
	} {
		uid, sid, err := Owner(row.user)
		if (err == nil) != row.ok || row.ok && (uid != row.uid || sid != row.sid) {
			t.Errorf("%q: %d %q %v", row.user, uid, sid, err)
		}
		if _, err := UIDOf(row.user); row.sid != "" && err == nil {
			t.Errorf("%q has a uid", row.user)
		}
	}
}
