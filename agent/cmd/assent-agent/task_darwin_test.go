package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/assent-epm/assent/e2e/testgroup"
)

func TestLaunchdOfMac(t *testing.T) {
	testgroup.Need(t, "root")
	label := fmt.Sprintf("com.assent-epm.test-%d", os.Getpid())
	plist := strings.ReplaceAll(reapPlist("/usr/bin/true", "/"), reapLabel, label)
	contractOfJobs(t, launchd{t.Context(), filepath.Join(t.TempDir(), label+".plist"), label}, []byte(plist))
}
