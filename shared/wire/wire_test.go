package wire

import (
	"bytes"
	"encoding/hex"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/shared/elevation"
	"github.com/assent-epm/assent/shared/sign"
	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

var t0 = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// messages holds one example of every message.
func messages() map[Type]any {
	const req, gr = elevation.RequestID("req_01934f00-0000-7000-8000-000000000001"), elevation.GrantID("gr_01934f00-0000-7000-8000-000000000002")
	exit := 3
	user := elevation.User{Name: "alice", Display: "Alice", UID: "1001", Groups: []string{"alice", "developers"}}
	attempt := elevation.Attempt{AccessType: elevation.Run, Mechanism: "sudo", User: user, Priority: elevation.High, Duration: time.Minute,
		Subject: elevation.Subject{Path: "/usr/bin/apt", Args: []string{"install", "-p", "••••"}, ArgsDigest: bytes.Repeat([]byte{7}, 32),
			Cwd: "/home/alice", RunAs: "root", SHA256: strings.Repeat("ab", 32), Size: 1234, Parent: "/usr/bin/bash", Marks: []string{elevation.MarkScript}}}
	facts := Facts{Hostname: "ep1", OS: "linux", OSVersion: "Debian 12", Arch: "amd64", IP: "192.0.2.7", AgentVersion: "1.0.0", Reported: map[string]string{"site": "hq"}}
	return map[Type]any{
		THello:    &Hello{Versions: []int{1}, LastSeq: 7, Ratchet: []byte{1}, BootID: "b", Digest: []byte{2}, Capabilities: []string{"sudo"}, Facts: facts, Clock: t0},
		TAttempt:  &Attempt{Request: req, Attempt: attempt, AtTerminal: true, RulesOnly: true},
		TComplete: &Complete{Request: req, Justification: "printer driver", Ticket: "INC-1"},
		TWithdraw: &Withdraw{Request: req},
		TAnswer:   &Answer{Request: req, Text: "yes"},
		TReport: &Report{Seq: 4, Request: req, Grant: gr, Kind: elevation.ReportEnded, Reason: elevation.Completed, Exit: &exit, Text: "x", At: t0, Failed: true,
			Subject: &elevation.Subject{Path: "/usr/bin/id"}, Changes: []Change{{What: "sudoers", Name: "/etc/sudoers.d/x", How: "added", Text: "alice may run everything"}}},
		TAck:        &Ack{Seq: 9},
		TRenew:      &Renew{CSR: []byte{1, 2}},
		TPortalLink: &PortalLink{N: 9, User: user},
		TExtend:     &Extend{Request: req, New: req, Duration: time.Minute, Reason: "longer"},
		TResubmit:   &Resubmit{Request: req, New: req, Reason: "again"},
		TRemove:     &Remove{Request: req},
		TPing:       &Ping{N: 5},
		TRights: &Rights{Report: 5, At: t0, Rights: []elevation.Right{{ID: "0123456789abcdef", Kind: elevation.RightSudoers, User: "alice", Source: "/etc/sudoers.d/alice:1",
			Text: "alice ALL=(ALL) NOPASSWD: ALL", NoAsk: true, All: true}}, Taken: []elevation.Right{{ID: "fedcba9876543210", Kind: elevation.RightGroup, User: "bob", Group: "sudo"}}, More: 1, Faults: []string{"x"}},
		TOrdered: &Ordered{Report: 6, Order: "ro_1", Done: []string{"0123456789abcdef"}, Refused: []Refusal{{Right: "fedcba9876543210", Why: "the last administrator"}}, At: t0},
		TSeen:    &Seen{Report: 7, ID: req, Kind: SeenObserved, Attempt: attempt, Times: 1, At: t0},
		TUsed: &Used{Report: 8, Request: req, Grant: gr, Attempt: attempt, By: UsedCode, Rule: "r@1", Version: 3, Challenge: "7K2QM9XD", Justification: "printer driver", Ticket: "INC-1",
			Duration: time.Minute, StartedAt: t0, EndedAt: t0, Reason: elevation.Completed, Exit: &exit},
		TOrder:    &Signed{Raw: []byte{5}},
		TSecret:   &Secret{Key: []byte{1}, Epoch: 2},
		TDecision: &Decision{Request: req, Verdict: elevation.Approved, Text: "ok", By: "bo", Rule: true, Grant: []byte{1}},
		TClosed:   &Closed{Request: req, Why: ClosedExpired, Text: "t", By: "bo"},
		TQuestion: &Question{Request: req, Text: "why?", By: "bo"},
		TRevoke:   &Revoke{Request: req, Grant: gr, Signed: []byte{1}},
		TAmend:    &Signed{Raw: []byte{1}},

		TConfirm:    &Confirm{Request: req, Grant: gr, Nonce: []byte{1, 2}},
		TConfirming: &Confirming{Request: req, Grant: gr, Code: "7K2Q-M9XD", Why: ConfirmNoPasskey},
		TConfirmed:  &Signed{Raw: []byte{6}},
		TPortal:     &Portal{N: 9, URL: "https://assent.example/#/sign-in?link=lnk_x", Expires: t0, Code: CodeLocked, Text: "t"},
		TWho:        &Who{N: 3, Name: "alice", UID: "1000"},
		TKnown:      &Known{N: 3, User: user},

		TPolicy:   &Signed{Raw: []byte{2}},
		TBundle:   &Signed{Raw: []byte{3}},
		TKeySet:   &Signed{Raw: []byte{4}},
		TLock:     &Lock{Locked: true, Text: "stolen"},
		TWelcome:  &Welcome{Version: 1, Endpoint: "ep_1", Cluster: "c", NextSeq: 8, Ratchet: []byte{3}, Clock: t0, KeySet: []byte{1}, Checkpoint: []byte{2}, Ping: 30 * time.Second, ResyncFrom: 1, Console: "https://assent.example"},
		TNeed:     &Need{Request: req, ReasonMin: 8, Presets: []string{"update"}, Ticket: `INC-\d+`, MaxDuration: time.Hour, GoesTo: []string{"Approvers"}, UsualWait: time.Minute, Message: "m", Joined: req},
		TProgress: &Progress{Request: req, Position: 3, UsualWait: time.Minute, CanAnswer: []string{"bo"}, ApprovHave: 1, ApprovNeed: 2, CanAnswerFrom: t0, Emergency: EmergencyPossible, Code: "7K2Q-M9XD", SeenBy: "bo"},
		TAccepted: &Accepted{Request: req, Report: 4},
		TRenewed:  &Renewed{Chain: [][]byte{{1}, {2}}},
		TError:    &Error{Request: req, Code: CodeInvalid, Text: "t", RetryAfter: time.Second},
		TDrain:    &Drain{Spread: time.Minute},
		TPong:     &Ping{N: 5},
	}
}

func seqOf(t Type) uint64 {
	if t.Durable() {
		return 8
	}
	return 0
}

// TestGolden: the bytes of every message are the protocol; a difference here is
// a new protocol version.
func TestGolden(t *testing.T) {
	for typ, message := range messages() {
		t.Run(string(typ), func(t *testing.T) {
			raw, err := Encode(typ, seqOf(typ), message)
			if err != nil {
				t.Fatal(err)
			}
			path := filepath.Join("testdata", string(typ)+".hex")
			if *update {
				if err := os.WriteFile(path, []byte(hex.EncodeToString(raw)+"\n"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if got := hex.EncodeToString(raw); got != strings.TrimSpace(string(want)) {
				t.Errorf("bytes changed (run with -update and add a protocol version)\n got %s\nwant %s", got, want)
			}
			f, err := Decode(raw)
			if err != nil || f.Type != typ || f.Seq != seqOf(typ) {
				t.Fatalf("%+v %v", f, err)
			}
			back := reflect.New(reflect.TypeOf(message).Elem()).Interface()
			if err := f.Into(back); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(message, back); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestDecodeRefuses(t *testing.T) {
	good, _ := Encode(TPing, 0, Ping{N: 1})
	rows := map[string][]byte{
		"nothing":           nil,
		"truncated":         good[:len(good)-1],
		"bytes after":       append(good[:len(good):len(good)], 0),
		"too large":         make([]byte, MaxFrame+1),
		"no type":           mustEncode(map[string]any{"b": []byte{}}),
		"type too long":     mustEncode(map[string]any{"t": strings.Repeat("x", 33), "b": []byte{}}),
		"unknown field":     mustEncode(map[string]any{"t": "ping", "b": []byte{}, "x": 1}),
		"duplicate key":     {0xa2, 0x61, 't', 0x64, 'p', 'i', 'n', 'g', 0x61, 't', 0x63, 'a', 'c', 'k'},
		"invalid utf-8":     {0xa1, 0x61, 't', 0x62, 0xff, 0xfe},
		"indefinite length": {0xbf, 0x61, 't', 0x64, 'p', 'i', 'n', 'g', 0xff},
		"deep nesting":      bytes.Repeat([]byte{0x81}, 4096),
		"4 GiB string":      {0xa1, 0x61, 't', 0x7a, 0xff, 0xff, 0xff, 0xff},
		"tag":               {0xc0, 0x61, 't'},
	}
	for name, raw := range rows {
		if _, err := Decode(raw); !errors.Is(err, ErrFrame) {
			t.Errorf("%s: %v", name, err)
		}
	}
	f, _ := Decode(good)
	if err := f.Into(&Complete{}); !errors.Is(err, ErrFrame) {
		t.Errorf("a ping was read as complete: %v", err)
	}
	if _, err := Encode(TDecision, 1, Decision{Grant: make([]byte, MaxFrame)}); !errors.Is(err, ErrFrame) {
		t.Errorf("an oversized frame was made: %v", err)
	}
}

func mustEncode(v any) []byte {
	raw, err := sign.Encode(v)
	if err != nil {
		panic(err)
	}
	return raw
}

// FuzzDecode: a frame that is accepted is exactly what encoding it again gives.
func FuzzDecode(f *testing.F) {
	for typ, message := range messages() {
		raw, _ := Encode(typ, seqOf(typ), message)
		f.Add(raw)
	}
	examples := messages()
	f.Fuzz(func(t *testing.T, raw []byte) {
		frame, err := Decode(raw)
		if err != nil {
			return
		}
		if example, ok := examples[frame.Type]; ok {
			into := reflect.New(reflect.TypeOf(example).Elem()).Interface()
			_ = frame.Into(into) // must not panic or hang
		}
	})
}
