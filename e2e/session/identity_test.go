package session

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"testing"
)

// TestAttackCasesOfStateAndProtocol names for each attack on the state of an
// endpoint, on its clocks and on the protocol the test that plays it, and fails
// when such a test is not there any more.
func TestAttackCasesOfStateAndProtocol(t *testing.T) {
	cases := []struct {
		number       int
		what         string
		folder, test string
	}{
		{26, "killed at each step", "e2e/linux", "TestAgentKilledAtEachStep"},
		{27, "stopped past a deadline", "e2e/linux", "TestDeadAgentsGrantEndsOnTime"},
		{28, "power cut with something in force", "e2e/linux", "TestRebootEndsEverything"},
		{29, "suspended past a deadline", "agent/grants", "TestNoClockLengthens"},
		{30, "clocks set while something is in force", "agent/grants", "TestNoClockLengthens"},
		{30, "clocks set, without the controller", "agent/offline", "TestClocks"},
		{31, "files put back: sequence", "controller/gateway", "TestSequence"},
		{31, "files put back: bundle", "agent/offline", "TestBundleRollback"},
		{31, "files put back: codes", "agent/offline", "TestChallengeDoesNotOutliveTheAgent"},
		{31, "files put back: ledger", "agent", "TestRestoredLedgerGivesNothing"},
		{32, "two copies of one identity", "controller/gateway", "TestRatchet"},
		{33, "full disk: grants", "agent/grants", "TestPutFailsWithoutADisk"},
		{33, "full disk: codes and bundles", "agent/offline", "TestFullDiskRefuses"},
		{34, "flipped bits: ledger", "agent/grants", "TestDamagedFilesFailClosed"},
		{34, "flipped bits: link", "agent/link", "TestDamagedFilesAreRefused"},
		{34, "flipped bits: codes", "agent/offline", "TestDamagedFilesOfCodes"},
		{37, "another controller or root key", "agent", "TestAnotherIdentityRevokesAll"},
		{37, "a second enrolment by mistake", "agent/link", "TestEnrollRefuses"},
		{37, "another controller behind the address", "agent/link", "TestServerMustProveTheClustersName"},
		{39, "a grant delivered again", "agent", "TestSecondDeliveryChangesNothing"},
		{39, "a grant of another endpoint", "agent", "TestGrantsThatAreRefused"},
		{40, "every flipped bit of a signature", "shared/sign", "TestEveryFlippedBitDenies"},
		{41, "another encoding of the same", "shared/sign", "TestOpenRefuses"},
		{42, "older keys", "agent/link", "TestEpochNeverGoesBack"},
		{43, "windows that can not be", "agent", "TestGrantsThatAreRefused"},
		{44, "gaps and repeats in the sequence", "agent/link", "TestResyncAndRestart"},
		{45, "a deleted endpoint comes back", "e2e/session", "TestDeletedEndpointStaysOut"},
		{45, "and renews or says hello", "controller/gateway", "TestWhoGetsNoSession"},
	}
	for _, c := range cases {
		if !hasTest(t, filepath.Join("..", "..", filepath.FromSlash(c.folder)), c.test) {
			t.Errorf("number %d, %s: %s has no %s", c.number, c.what, c.folder, c.test)
		}
	}
}

// hasTest reports whether a test is in a folder.
func hasTest(t *testing.T, folder, name string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		file, err := parser.ParseFile(token.NewFileSet(), f, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && fn.Name.Name == name {
				return true
			}
		}
	}
	return false
}
