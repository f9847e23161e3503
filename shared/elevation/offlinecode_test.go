package elevation

import (
	"bytes"
	"testing"
	"time"
)

// A code is for one key, challenge, user, program and time; parts that change
// places give another one.
func TestOfflineCodeIsOfOneUserAndProgram(t *testing.T) {
	key := bytes.Repeat([]byte{7}, OfflineKeyLen)
	challenge := OfflineChallenge([16]byte{1}, []byte("x"))
	is := func(user, path string) Attempt { return Attempt{User: User{Name: user}, Subject: Subject{Path: path}} }
	code := func(key []byte, challenge string, a Attempt, d time.Duration) string {
		t.Helper()
		c, err := OfflineCode(key, challenge, a, d)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	want := code(key, challenge, is("alice", "/usr/bin/id"), 5*time.Minute)
	if again := code(key, challenge, is("alice", "/usr/bin/id"), 5*time.Minute); again != want {
		t.Errorf("%s, then %s", want, again)
	}
	for what, got := range map[string]string{
		"another user":      code(key, challenge, is("bob", "/usr/bin/id"), 5*time.Minute),
		"no user":           code(key, challenge, is("", "alice/usr/bin/id"), 5*time.Minute),
		"another program":   code(key, challenge, is("alice", "/usr/bin/ls"), 5*time.Minute),
		"another cut":       code(key, challenge, is("alice/", "usr/bin/id"), 5*time.Minute),
		"another time":      code(key, challenge, is("alice", "/usr/bin/id"), 15*time.Minute),
		"another challenge": code(key, OfflineChallenge([16]byte{2}, []byte("x")), is("alice", "/usr/bin/id"), 5*time.Minute),
		"another key":       code(bytes.Repeat([]byte{8}, OfflineKeyLen), challenge, is("alice", "/usr/bin/id"), 5*time.Minute),
	} {
		if got == want {
			t.Errorf("%s has the same code", what)
		}
	}
}
