package main

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// One agent alone uses a folder. One that was killed has its files open for a
// moment longer: the next one waits for that, and not for more.
func TestFolderOfOneAgent(t *testing.T) {
	set := &settings{data: t.TempDir()}
	held, err := openAlone(filepath.Join(set.data, "agent.lock"))
	if err != nil {
		t.Fatal(err)
	}
	began := time.Now()
	if _, err := lockFolder(set); !errors.Is(err, errTaken) || time.Since(began) < dyingFor {
		t.Errorf("a second agent: %v after %v", err, time.Since(began))
	}
	time.AfterFunc(dyingFor/8, func() { held.Close() })
	release, err := lockFolder(set)
	if err != nil {
		t.Fatal(err)
	}
	release()
	if err := os.RemoveAll(set.data); err != nil {
		t.Fatal(err)
	}
	began = time.Now()
	if _, err := lockFolder(set); err == nil || time.Since(began) >= dyingFor {
		t.Errorf("a folder that is not there: %v after %v", err, time.Since(began))
	}
}
