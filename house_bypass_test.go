package assent

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// way is one way round that must not work, with the tests that say so. Its id is
// the row of the lists of known attacks: S for sudo, E for endpoints, A for flaws
// that other products had.
type way struct {
	id, what string
	outcome  string // refused, contained or labelled
	tests    string // FOLDER TestName, one or several
}

// ways are all that concern sudo, assent run, how grants end, Windows, macOS and
// the packages. What has no machine here is named in SECURITY.md.
func ways() []way {
	const sudo, local, linux, priv, e2e = "agent/intercept/sudo ", "agent/local ", "e2e/linux ", "agent/privilege ", "e2e/linux "
	const pipe, msi, pkg, desk = "agent/local/pipe ", "installer/msi ", "installer/pkg ", "controller/queue "
	return []way{
		{"S1", "variables on the command line and inherited ones", "refused", sudo + "TestBypassEnvironment " + sudo + "TestNotCovered"},
		{"S2", "-i and -s hide what runs", "labelled", linux + "TestE1ShellsAreFullRoot"},
		{"S3", "-D and -R lead to another place", "refused", sudo + "TestNotCovered " + sudo + "TestCovered"},
		{"S4", "a shell out of an editor or a pager", "contained", linux + "TestBypassShellEscape " + sudo + "TestChildrenContained " + sudo + "TestChildrenDenied"},
		{"S5", "sudoedit with an editor that names more files", "refused", sudo + "TestEditIsNoWayRound " + sudo + "TestEditIsComparedAgain"},
		{"S6", "relative paths, dots and links", "refused", linux + "TestBypassFromTheOutside " + e2e + "TestALinkIsNotItsProgram"},
		{"S7", "scripts and what interpreters are told to run", "refused", sudo + "TestChangedScriptOfAnInterpreter agent/intercept TestFeeds"},
		{"S8", "a swap between the question and the start", "refused", sudo + "TestChangedAfterTheRequest " + e2e + "TestBindingOfTheProgram"},
		{"S9", "killing or stopping sudo while its rule is in force", "refused", sudo + "TestSudoStopsOrDiesArmed " + sudo + "TestWithdrawnOrLost"},
		{"S10", "a rule that lies around, and rules of another sudo", "refused", sudo + "TestRuleHelpsNobodyElse " + sudo + "TestContainedRuleHelpsNobodyElse"},
		{"S11", "the plugin's file and its lines", "labelled", sudo + "TestExamine"},
		{"S12", "a password that becomes the reason", "refused", sudo + "TestBypassPasswordAsReason"},
		{"S13", "other files under the program's name, by mounts of the user's own", "refused", sudo + "TestBypassMounts " + linux + "TestBypassFromTheOutside"},
		{"E1", "asking the agent without a decision", "refused", sudo + "TestPluginSocketRefuses " + local + "TestRunRefusesBadAttempts agent TestGrantThatNobodyAskedFor"},
		{"E2", "another user in the payload", "refused", e2e + "TestNobodyElseIsBecome"},
		{"E3", "a peer that is gone before it is looked up", "refused", local + "TestPeersThatAreGone"},
		{"E4", "a connection handed to another user", "refused", local + "TestBypassPassedDescriptor"},
		{"E5", "becoming a trusted program after connecting", "refused", local + "TestUsablePeers " + e2e + "TestNobodyElseIsBecome"},
		{"E6", "frames that lie about their length, or drip", "refused", local + "TestBadFrames " + local + "TestSlowPeersAreCutOff " + sudo + "TestReadCallRefuses"},
		{"E7", "thousands of connections", "refused", local + "TestTheCapPerUser " + sudo + "TestOneUserCanNotKeepOthersOut"},
		{"E8", "empty, long and odd arguments", "refused", sudo + "TestBypassNamesAndNumbers " + sudo + "TestNotCovered " + priv + "TestCheckArguments"},
		{"E9", "variables that load code", "refused", priv + "TestStartEnvironment " + sudo + "TestBypassEnvironment"},
		{"E10", "numbers that are no user", "refused", sudo + "TestBypassNamesAndNumbers " + sudo + "TestUID agent/intercept TestLookupRefuses"},
		{"E11", "a process name that looks like the rest of the line", "refused", priv + "TestParseStat"},
		{"E12", "a program that root can not read", "refused", priv + "TestAFileSystemOfAUserIsNotRoots"},
		{"E13", "rewriting the program in place", "refused", priv + "TestOnlyApprovedBytesRun " + sudo + "TestBypassDescriptors " + e2e + "TestBindingOfTheProgram"},
		{"E14", "another program under its name", "refused", sudo + "TestChangedAfterTheRequest " + priv + "TestAChangedProgramIsRefused"},
		{"E15", "another folder under its folder's name", "refused", e2e + "TestBindingOfTheProgram " + sudo + "TestChangedAfterTheRequest"},
		{"E16", "a hard link, or a writer from before", "refused", priv + "TestAnOpenWriterIsRefused " + sudo + "TestBypassDescriptors"},
		{"E17", "another interpreter for an approved script", "refused", priv + "TestInterpreters " + sudo + "TestBypassEnvironment"},
		{"E18", "the loader, env or a shell around an approved program", "refused", sudo + "TestBypassLoaderAndInterpreters " + linux + "TestBypassFromTheOutside"},
		{"E19", "arguments that are joined, split or added", "refused", sudo + "TestBypassArguments " + linux + "TestBypassFromTheOutside"},
		{"E20", "a shell out of an editor outlives its grant", "contained", linux + "TestBypassShellEscape " + priv + "TestAlone"},
		{"E26", "the agent killed at each step", "contained", e2e + "TestAgentKilledAtEachStep"},
		{"E27", "the agent stopped past a deadline", "contained", e2e + "TestDeadAgentsGrantEndsOnTime " + priv + "TestSystemdEndsAScopeInTime"},
		{"E28", "a restart while something is in force", "contained", e2e + "TestRebootEndsEverything"},
		{"E29", "suspend: the clock that counts it", "contained", "agent/grants TestDeadlineDue"},
		{"E30", "moving the clock", "refused", "agent/grants TestNoClockLengthens agent/offline TestClocks"},
		{"E31", "an older copy of the agent's files", "refused", "agent TestRestoredLedgerGivesNothing agent/offline TestBundleRollback"},
		{"E32", "two machines with one identity", "refused", "controller/gateway TestRatchet"},
		{"E33", "a full disk", "refused", "agent/grants TestPutFailsWithoutADisk agent/offline TestFullDiskRefuses"},
		{"E34", "damaged files", "refused", "agent/grants TestDamagedFilesFailClosed agent TestDamagedPolicyIsNoPolicy"},
		{"E35", "a user number that is another person by now", "refused", "agent/standing TestA14UidReusedGetsNothing agent TestA14ExpiredUidReusedConsumesWithoutDemoting"},
		{"E36", "somebody who is an administrator anyway", "refused", "agent TestA14NaturalAdminRefused"},
		{"E37", "another controller than the one that granted", "refused", "agent TestPolicyOfAnEarlierEnrolment agent TestLockOfAnEarlierEnrolment"},
		{"E38", "removing or replacing the package while something is in force", "contained", linux + "TestD3UpgradeKeepsWhatIsGranted " + linux + "TestD3Package"},
		{"E21", "the name of our pipe, taken before we are there", "refused", pipe + "TestE21SquattedName " + pipe + "TestE21TakenPipe " + pipe + "TestTrusted " + pipe + "TestWhosePipe"},
		{"E22", "the pipe from another machine", "refused", pipe + "TestE22RemoteClientsAreRefusedByMode " + pipe + "TestAccess " + pipe + "TestWhoIsRefused"},
		{"E23", "a client of the pipe that does not say who it is", "refused", pipe + "TestE23AnonymousClient " + pipe + "TestJudge " + pipe + "TestWhoIsRefused"},
		{"E24", "libraries and classes of the person in a program with rights", "refused", priv + "TestE24PlantedLibraryIsNotBesideTheCopy " + priv + "TestE24WindowsEnvironment " + priv + "TestCheckToken"},
		{"E25", "an old or foreign client on macOS", "refused", local + "TestE25OldClient " + local + "TestE25AuditToken"},
		{"E78", "a repair of the MSI by anybody", "refused", msi + "TestE78NothingOfPeople " + msi + "TestRepairTakesNoController"},
		{"E79", "a data folder that somebody made first", "refused", msi + "TestE79FolderOfOthers " + msi + "TestE79AccessLists agent/acl TestClaim"},
		{"E80", "an older package over a newer one; nothing updates itself", "refused", msi + "TestD1MSI " + pkg + "TestE80OlderPackage"},
		{"E82", "the environment of whoever installs a pkg", "refused", pkg + "TestE82HostileEnvironment " + pkg + "TestE82Text " + pkg + "TestE82FoldersOfOthers"},
		{"A60", "actions of an installer as the system", "refused", msi + "TestE78NothingOfPeople " + msi + "TestTables " + msi + "TestRepairWritesNoEmptyValues"},
		{"A61", "links planted for what removes the product", "refused", pkg + "TestE82FoldersOfOthers " + linux + "TestE81LinkedFoldersAreRefused " + msi + "TestE79FolderOfOthers"},
		{"A62", "scripts of a package that believe the environment", "refused", pkg + "TestE82HostileEnvironment installer TestD3Scripts"},
		{"A63", "paths out of an archive, copies that were changed", "refused", "controller TestD5DamagedBackup controller TestRestoreGivesAwayItsOwnFilesOnly"},
		{"A64", "more servers under the name of our pipe", "refused", pipe + "TestAccess " + pipe + "TestE21SquattedName"},
		{"A65", "who is judged by the number of a process", "refused", local + "TestE25AuditToken " + local + "TestE25OldClient agent/publisher TestMacTeamStays"},
		{"A66", "a connection that outlives its process, or is handed on", "refused", local + "TestBypassPassedDescriptor " + local + "TestPeersThatAreGone " + local + "TestUsablePeers"},
		{"A67", "other bytes between the sum and the start", "refused", priv + "TestTheCopyIsSealed " + priv + "TestStaged " + priv + "TestImageIsHeld " + priv + "TestAnOpenWriterIsRefused"},
		{"A68", "files of ours through links of others", "refused", "shared/durable TestLinksAreNotFollowed " + linux + "TestE81LinkedFoldersAreRefused"},
		{"A69", "empty paths and odd names of variables", "refused", priv + "TestStartRefusesBadSpecs " + priv + "TestStartEnvironment " + priv + "TestCheckArguments"},
		{"A70", "asking until somebody says yes", "refused", desk + "TestFloods " + desk + "TestSameThingJoins " + desk + "TestCooldownAfterDenial"},
		{"A71", "answering oneself through another door", "refused", "controller TestAuthorisationMatrix controller TestAuthorisationMatrixOfSeats " + desk + "TestTwoAccountsOfOneHumanVoteOnce e2e/doors TestA12TokensAreTheirOwners"},
		{"A72", "text that a page, a table or a terminal obeys", "refused", "controller TestHostileTextIsInert shared/inert TestText e2e/doors TestN1SlackMessagesMentionNobody e2e/doors TestC1HostileTextNeverMovesTheCursor"},
		{"A73", "conditions that never end", "refused", "shared/rules/cel TestHostileConditionsAskAPerson shared/rules/cel TestCostLimitHolds"},
		{"E81", "folders of the package that are links", "refused", linux + "TestE81LinkedFoldersAreRefused"},
	}
}

// TestHouseWaysRound: every row of the lists has a test that is there, and every
// test of that kind has a row.
func TestHouseWaysRound(t *testing.T) {
	var ids []string
	named := map[string]bool{}
	for _, w := range ways() {
		ids = append(ids, w.id)
		if !slices.Contains([]string{"refused", "contained", "labelled"}, w.outcome) {
			t.Errorf("%s ends in %q", w.id, w.outcome)
		}
		f := strings.Fields(w.tests)
		for i := 0; i+1 < len(f); i += 2 {
			named[f[i]+" "+f[i+1]] = true
			if !slices.Contains(testsIn(t, f[i]), f[i+1]) {
				t.Errorf("%s (%s): there is no %s in %s", w.id, w.what, f[i+1], f[i])
			}
		}
		if len(f) == 0 || len(f)%2 != 0 {
			t.Errorf("%s (%s) has no test", w.id, w.what)
		}
	}
	for _, want := range wanted() {
		if n := strings.Count(" "+strings.Join(ids, " ")+" ", " "+want+" "); n != 1 {
			t.Errorf("%s is there %d times", want, n)
		}
	}
	attack := regexp.MustCompile(`^Test(Bypass|E2[1-5]|E7[89]|E8[0-2])`)
	for _, dir := range []string{"agent/intercept/sudo", "agent/intercept", "agent/local", "agent/local/pipe", "agent/privilege", "e2e/linux", "installer/msi", "installer/pkg"} {
		for _, name := range testsIn(t, dir) {
			if attack.MatchString(name) && !named[dir+" "+name] {
				t.Errorf("%s in %s stands in no row of the ways round", name, dir)
			}
		}
	}
}

// wanted are the numbers that the lists have for what is tested here.
func wanted() []string {
	list := strings.Fields("S1 S2 S3 S4 S5 S6 S7 S8 S9 S10 S11 S12 S13")
	for _, span := range []struct {
		kind        string
		first, last int
	}{{"E", 1, 38}, {"E", 78, 82}, {"A", 60, 73}} {
		for n := span.first; n <= span.last; n++ {
			list = append(list, span.kind+strconv.Itoa(n))
		}
	}
	return list
}

// testsIn are the tests of a folder, on whatever system they run.
func testsIn(t *testing.T, dir string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range regexp.MustCompile(`(?m)^func (Test\w+)\(`).FindAllStringSubmatch(string(raw), -1) {
			names = append(names, m[1])
		}
	}
	return names
}
