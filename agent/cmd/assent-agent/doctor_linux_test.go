package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/assent-epm/assent/e2e/testgroup"
)

func TestTellChecks(t *testing.T) {
	all := []check{{"one", checkOK, "well", "unseen"}, {"two", checkWarn, "so so", "look"}}
	var out bytes.Buffer
	if err := tellChecks(&out, all, "text"); err != nil || out.String() != "ok: one: well\nwarn: two: so so\n  hint: look\n" {
		t.Errorf("%v\n%s", err, out.String())
	}
	all = append(all, check{"three", checkFail, "bad", "repair"})
	out.Reset()
	if err := tellChecks(&out, all, "json"); err == nil || err.Error() != "1 of 3 checks failed" {
		t.Errorf("got %v", err)
	}
	var told struct {
		Checks []check
		Failed int
	}
	if err := json.Unmarshal(out.Bytes(), &told); err != nil || len(told.Checks) != 3 || told.Failed != 1 || told.Checks[2] != all[2] {
		t.Errorf("%v, %+v", err, told)
	}
}

func TestSkewIsJudged(t *testing.T) {
	for skew, want := range map[time.Duration]string{0: checkOK, -time.Minute: checkOK, 61 * time.Second: checkWarn, -11 * time.Minute: checkFail} {
		if got := skewed(skew); got.Level != want {
			t.Errorf("%v: %+v", skew, got)
		}
	}
}

// Doctor finds what others could read, and an agent that is not there.
func TestDoctorFindsFaults(t *testing.T) {
	testgroup.Need(t, "root")
	dir, err := os.MkdirTemp("/run", "assent-doctor-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	set := &settings{data: dir, runtime: filepath.Join(dir, "run")}
	if got := checkFolders(context.Background(), set, file{}); len(got) != 1 || got[0].Level != checkOK {
		t.Errorf("%+v", got)
	}
	key := filepath.Join(dir, "key.pem")
	if err := os.WriteFile(key, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if got := checkFolders(context.Background(), set, file{}); len(got) != 1 || got[0].Level != checkFail || !strings.Contains(got[0].Text, key) {
		t.Errorf("%+v", got)
	}
	for _, c := range checkAgent(context.Background(), set, file{}) {
		if c.Level != checkFail || c.Hint == "" {
			t.Errorf("%+v", c)
		}
	}
	var out bytes.Buffer
	if code := run([]string{"doctor", "--data", dir, "--runtime", set.runtime}, &out, &out); code != 1 || !strings.Contains(out.String(), "fail: agent: ") {
		t.Errorf("exit %d\n%s", code, out.String())
	}
}
