package rules

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// words is a small Conditions for tests of this package: "group NAME" holds for
// members, "error" fails, anything else does not compile. The real one is
// tested in rules/cel.
type words struct{}

type wordCond string

func (words) Compile(source string, _ bool) (Condition, error) {
	if source != "error" && !strings.HasPrefix(source, "group ") && !strings.Contains(source, "developers") {
		return nil, fmt.Errorf("unknown word %q", source)
	}
	return wordCond(source), nil
}

func (c wordCond) Holds(in Input, _ time.Time) (bool, uint64, error) {
	if c == "error" {
		return false, 1, fmt.Errorf("no such key")
	}
	if c == "group costly" {
		return true, maxCost / 4, nil
	}
	for _, g := range in.Attempt.User.Groups {
		if strings.Contains(string(c), g) {
			return true, 1, nil
		}
	}
	return false, 1, nil
}

// mustParse reads a set that has no errors.
func mustParse(t testing.TB, text string, options ...Option) *Set {
	t.Helper()
	s, faults := Parse([]byte(text), append([]Option{WithConditions(words{})}, options...)...)
	if s == nil {
		t.Fatalf("not taken: %v", format(faults))
	}
	return s.At(3)
}

func format(faults []Fault) string {
	var b strings.Builder
	for _, f := range faults {
		b.WriteString(f.Format("rules.yaml") + "\n")
	}
	return b.String()
}

func TestDesignExample(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("testdata", "design.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	s := mustParse(t, string(raw))
	if got := s.Test(); len(got) != 0 {
		t.Errorf("its own test fails: %s", format(got))
	}
	if s.Len() != 2 || s.Version() != 3 || s.Rules()[0].Name != "apt-update" {
		t.Errorf("got %d rules of version %d", s.Len(), s.Version())
	}
}

const approveID = "rules:\n- name: a\n  match: {path: /usr/bin/id, args: []}\n  then: approve\n"

func TestParseFaults(t *testing.T) {
	hash := strings.Repeat("a", 64)
	rule := func(match, rest string) string {
		return "rules:\n- name: a\n  match: " + match + "\n" + rest
	}
	approve := func(match string) string { return rule(match, "  then: approve\n") }
	deny := func(match string) string { return rule(match, "  then: deny\n") }
	tests := []struct {
		name, text string
		want       string // "LINE:COL: severity … [code]" with … any text; "" = no fault
	}{
		{"good", approveID, ""},
		{"empty set", "rules: []\n", ""},
		{"hash only", approve("{sha256: [" + hash + "], args: []}"), ""},

		{"empty file", "", "1:1: error …empty… [missing]"},
		{"only a comment", "# nothing\n", "1:1: error …empty… [missing]"},
		{"no rules", "tests: []\n", "1:1: error …\"rules\"… [missing]"},
		{"not a mapping", "- a\n", "1:1: error …mapping… [wrong_type]"},
		{"null", "~\n", "1:1: error …not nothing… [wrong_type]"},
		{"bad yaml", "rules: [\n", "… error … [syntax]"},
		{"tab", "rules:\n\t- a\n", "2:1: error … [syntax]"},
		{"invalid utf-8", "rules: [\xff]\n", "1:1: error … [syntax]"},
		{"nul", "rules: \x00\n", "1:1: error … [syntax]"},
		{"two documents", "rules: []\n---\nrules: []\n", "… error …second document… [syntax]"},
		{"too large", "rules: []\n#" + strings.Repeat("x", MaxYAML), "1:1: error …larger than… [too_large]"},
		{"too deep", "rules: " + strings.Repeat("[", 40) + strings.Repeat("]", 40), "… error …deeper… [too_large]"},
		{"far too deep", "rules: " + strings.Repeat("[", 200_000), "… error … [syntax]"},
		{"alias", "rules: &x []\ntests: *x\n", "1:8: error …anchors… [alias]"},
		{"tag", "rules: !!seq []\n", "1:8: error …tags… [tag]"},
		{"merge key", "rules:\n- <<: {name: a}\n  match: {path: /usr/bin/id, args: []}\n  then: approve\n  name: a\n", "2:3: error … [unknown_key]"},
		{"unknown key at the top", "rules: []\nrule: []\n", "2:1: error …\"rule\"…rules, tests [unknown_key]"},
		{"unknown key in a rule", approveID + "  thn: deny\n", "5:3: error …\"thn\"… [unknown_key]"},
		{"unknown key in match", deny("{path: /usr/bin/id, arg: []}"), "3:30: error …\"arg\"… [unknown_key]"},
		{"unknown key with escapes", "rules: []\n\"\\e[31m\": 1\n", "2:1: error …?[31m… [unknown_key]"},
		{"duplicate key", approveID + "  then: deny\n", "5:3: error …twice… [duplicate_key]"},
		{"duplicate label", deny("{endpoint: {labels: {a: b, a: c}}}"), "3:37: error …twice… [duplicate_key]"},
		{"duplicate name", approveID + "- name: a\n  match: {path: /usr/bin/uptime, args: []}\n  then: approve\n", "5:3: error …line 2… [duplicate_name]"},
		{"key is a list", "rules: []\n? [a]\n: b\n", "2:3: error … [wrong_type]"},

		{"no name", "rules:\n- match: {path: /usr/bin/id, args: []}\n  then: approve\n", "2:3: error …\"name\"… [missing]"},
		{"no then", rule("{path: /usr/bin/id}", ""), "2:3: error …\"then\"… [missing]"},
		{"no match", "rules:\n- name: a\n  then: deny\n", "2:3: error …\"match\"… [missing]"},
		{"name with an at sign", strings.Replace(approveID, "name: a", "name: a@b", 1), "2:9: error … [bad_value]"},
		{"name with a slash", strings.Replace(approveID, "name: a", "name: ../a", 1), "2:9: error … [bad_value]"},
		{"name too long", strings.Replace(approveID, "name: a", "name: "+strings.Repeat("a", 65), 1), "2:9: error … [bad_value]"},
		{"name is a number", strings.Replace(approveID, "name: a", "name: 7", 1), "2:9: error …in quotes, '7'… [wrong_type]"},
		{"unknown then", rule("{path: /usr/bin/id}", "  then: allow\n"), "4:9: error …approve, deny, require [bad_value]"},
		{"unknown mode", approveID + "  mode: audit\n", "5:9: error … [bad_value]"},
		{"unknown children", approveID + "  children: maybe\n", "5:13: error … [bad_value]"},
		{"unknown priority", approveID + "  set_priority: top\n", "5:17: error … [bad_value]"},
		{"precedence is text", approveID + "  precedence: first\n", "5:15: error … [wrong_type]"},
		{"precedence is negative", approveID + "  precedence: -1\n", "5:15: error … [wrong_type]"},
		{"precedence overflows", approveID + "  precedence: 99999999999999999999\n", "5:15: error … [wrong_type]"},
		{"message is text", approveID + "  message: hello\n", "5:12: error …languages… [wrong_type]"},
		{"message in no language", approveID + "  message: {English: hello}\n", "5:13: error … [bad_value]"},
		{"message with an escape", approveID + "  message: {en: \"\\e[2J\"}\n", "5:17: error …control… [bad_value]"},
		{"message too long", approveID + "  message: {en: " + strings.Repeat("x", 501) + "}\n", "5:17: error … [too_large]"},

		{"args is text", deny("{path: /usr/bin/id, args: -u}"), "3:36: error …list… [wrong_type]"},
		{"argument is a number", deny("{path: /usr/bin/id, args: [1]}"), "3:37: error …in quotes, '1'… [wrong_type]"},
		{"argument with two keys", deny("{path: /usr/bin/id, args: [{any: true, regex: x}]}"), "3:37: error …exactly one… [bad_value]"},
		{"argument any false", deny("{path: /usr/bin/id, args: [{any: false}]}"), "3:43: error …only be true… [bad_value]"},
		{"rest is not last", deny("{path: /usr/bin/id, args: [{rest: true}, a]}"), "3:51: error …last… [bad_value]"},
		{"bad regex", deny("{path: /usr/bin/id, args: [{regex: '('}]}"), "3:45: error … [regex]"},
		{"regex breaks out of its group", deny("{path: /usr/bin/id, args: [{regex: 'a)|(.*'}]}"), "3:45: error … [regex]"},
		{"regex too long", deny("{path: /usr/bin/id, args: [{regex: '" + strings.Repeat("a", 1001) + "'}]}"), "3:45: error … [regex]"},
		{"regex with great repeats", deny("{path: /usr/bin/id, args: [{regex: '((a{100}){100}){100}'}]}"), "3:45: error … [regex]"},
		{"path is a list", deny("{path: [/usr/bin/id]}"), "3:17: error … [wrong_type]"},
		{"path is relative", deny("{path: bin/id}"), "3:17: error … [bad_value]"},
		{"path with dots", deny("{path: /usr/bin/../bin/id}"), "3:17: error …never match… [bad_value]"},
		{"path with double slash", deny("{path: /usr//bin/id}"), "3:17: error …never match… [bad_value]"},
		{"path with wildcard", deny("{path: /usr/bin/*}"), "3:17: error …wildcards… [bad_value]"},
		{"path with closing slash", deny("{path: /usr/bin/}"), "3:17: error …never match… [bad_value]"},
		{"path with a control character", deny("{path: \"/usr/bin/id\\n\"}"), "3:17: error …control… [bad_value]"},
		{"sha256 is text", deny("{sha256: " + hash + "}"), "3:19: error …list… [wrong_type]"},
		{"sha256 in capitals", deny("{sha256: [" + strings.ToUpper(hash) + "]}"), "3:20: error …lower case… [bad_value]"},
		{"sha256 empty", deny("{sha256: []}"), "3:19: error …match nothing… [bad_value]"},
		{"thumbprint is short", deny("{publisher: {thumbprint: abc}}"), "3:35: error … [bad_value]"},
		{"group empty", deny("{group: []}"), "3:18: error …match nothing… [bad_value]"},
		{"user is text", deny("{user: bo}"), "3:17: error …list… [wrong_type]"},
		{"access type unknown", deny("{access_type: [root]}"), "3:25: error … [bad_value]"},
		{"endpoint reported", deny("{endpoint: {labels: {a: b}, reported: {a: b}}}"), "3:38: error …\"reported\"… [unknown_key]"},

		{"duration without unit", approveID + "  limits: {duration: 60}\n", "5:22: error …no unit… [wrong_type]"},
		{"duration zero", approveID + "  limits: {duration: 0s}\n", "5:22: error … [bad_value]"},
		{"duration nonsense", approveID + "  limits: {duration: soon}\n", "5:22: error … [bad_value]"},
		{"hours nonsense", approveID + "  limits: {hours: weekdays}\n", "5:19: error … [bad_value]"},
		{"hours empty window", approveID + "  limits: {hours: '08:00-08:00'}\n", "5:19: error …empty… [bad_value]"},
		{"zone unknown", approveID + "  limits: {hours: '08:00-09:00', tz: Mars/Base}\n", "5:38: error … [bad_value]"},
		{"zone of the machine", approveID + "  limits: {hours: '08:00-09:00', tz: Local}\n", "5:38: error … [bad_value]"},
		{"zone is a path", approveID + "  limits: {hours: '08:00-09:00', tz: ../../etc/passwd}\n", "5:38: error … [bad_value]"},
		{"zone without hours", approveID + "  limits: {tz: UTC}\n", "5:16: warning … [unused]"},

		{"stages with approve", approveID + "  require: {stages: [{team: x}]}\n", "5:12: error … [stages_with_approve]"},
		{"require with deny", rule("{path: /usr/bin/id}", "  then: deny\n  require: {step_up: true}\n"), "5:12: error … [require_with_deny]"},
		{"quorum zero", rule("{path: /usr/bin/id}", "  then: require\n  require: {stages: [{team: x, quorum: 0}]}\n"), "5:40: error … [wrong_type]"},
		{"step_up is text", rule("{path: /usr/bin/id}", "  then: require\n  require: {step_up: 'yes'}\n"), "5:22: error … [wrong_type]"},
		{"ticket is no regex", rule("{path: /usr/bin/id}", "  then: require\n  require: {ticket: '['}\n"), "5:21: error … [regex]"},
		{"condition unknown", approveID + "  when: nonsense\n", "5:9: error … [when]"},
		{"condition of 1 MB", approveID + "  when: '" + strings.Repeat("a", MaxWhen+1) + "'\n", "5:9: error … [too_large]"},
		{"condition is a number", approveID + "  when: 1\n", "5:9: error … [wrong_type]"},

		{"approve by name", approve("{path: id, args: []}"), "3:17: error … [name_only]"},
		{"deny by name", deny("{path: id}"), ""},
		{"approve by regex path", approve("{path: {regex: '/usr/bin/.*'}, args: []}"), "3:17: error … [regex_path]"},
		{"deny by regex path", deny("{path: {regex: '.*/id'}}"), ""},
		{"approve without anchor", approve("{user: [bo], args: []}"), "3:10: error … [no_anchor]"},
		{"approve everything", approve("{}"), "3:10: error … [no_anchor]"},
		{"deny without anchor", deny("{user: [bo]}"), ""},
		{"approve a publisher", approve("{publisher: {thumbprint: " + hash + "}, args: []}"), "3:10: error … [publisher_only]"},
		{"approve a publisher's product", approve("{publisher: {thumbprint: " + hash + "}, product: X, args: []}"), ""},
		{"approve in a home", approve("{path: /home/bo/tool, args: []}"), "3:17: error … [user_writable]"},
		{"approve in /tmp", approve("{path: /tmp/tool, args: []}"), "3:17: error … [user_writable]"},
		{"approve in a windows home", approve(`{path: 'C:\Users\bo\tool.exe', args: []}`), "3:17: error … [user_writable]"},
		{"approve in a home by hash", approve("{path: /home/bo/tool, sha256: [" + hash + "], args: []}"), ""},
		{"approve /proc/self/exe", approve("{path: /proc/self/exe, args: []}"), "3:17: error … [user_writable]"},
		{"approve a shell", approve("{path: /usr/bin/bash}"), "3:10: error … [unbounded]"},
		{"approve a shell by hash", approve("{path: /usr/bin/bash, sha256: [" + hash + "]}"), "3:10: error … [unbounded]"},
		{"approve a shell without arguments", approve("{path: /usr/bin/bash, args: []}"), "3:38: error … [unbounded]"},
		{"approve a shell with options only", approve("{path: /usr/bin/bash, args: ['-l']}"), "3:38: error …from the user… [unbounded]"},
		{"approve a shell with a script", approve("{path: /usr/bin/bash, args: [/usr/local/sbin/x]}"), ""},
		{"approve a shell, interactive after", approve("{path: /usr/bin/bash, args: ['-i', /usr/local/sbin/x]}"), "3:38: error … [unbounded]"},
		{"approve an interpreter with any argument", approve("{path: /usr/bin/python3.11, args: [{any: true}]}"), "3:44: error … [unbounded]"},
		{"approve an interpreter with a regex", approve("{path: /usr/bin/python3, args: [{regex: '/opt/.*'}]}"), "3:41: error … [unbounded]"},
		{"approve an interpreter, script in a home", approve("{path: /usr/bin/python3, args: [/home/bo/x.py]}"), "3:41: error … [user_writable]"},
		{"approve an interpreter, relative script", approve("{path: /usr/bin/python3, args: [x.py]}"), "3:41: error …whole path… [unbounded]"},
		{"approve an editor", approve("{path: /usr/bin/vim.basic, args: [{rest: true}]}"), "3:43: error … [unbounded]"},
		{"approve an editor with a file", approve("{path: /usr/bin/vim.basic, args: [/etc/hosts]}"), "3:43: warning … [unbounded]"},
		{"approve a pager", approve("{path: /usr/bin/less}"), "3:10: error … [unbounded]"},
		{"approve env", approve("{path: /usr/bin/env}"), "3:10: error … [unbounded]"},
		{"approve busybox", approve("{path: /usr/bin/busybox}"), "3:10: error … [unbounded]"},
		{"approve a loader", approve("{path: /usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2}"), "3:10: error … [unbounded]"},
		{"approve a writer", approve("{path: /usr/bin/tee}"), "3:10: error …any file… [unbounded]"},
		{"approve with any arguments", approve("{path: /usr/bin/apt}"), "3:10: warning … [any_args]"},
		{"observe a shell", approve("{path: /usr/bin/bash}") + "  mode: observe\n", "3:10: warning …while the rule observes… [unbounded]"},
		{"cmd with the user's AutoRun", approve(`{path: 'C:\Windows\System32\cmd.exe', args: [/c, 'C:\Windows\x.cmd']}`), "3:54: warning … [user_startup]"},
		{"cmd that says /d too late", approve(`{path: 'C:\Windows\System32\cmd.exe', args: [/c, /d, 'C:\Windows\x.cmd']}`), "3:54: warning … [user_startup]"},
		{"cmd without the user's AutoRun", approve(`{path: 'C:\Windows\System32\cmd.exe', args: [/D, /c, 'C:\Windows\x.cmd']}`), ""},
		{"cmd with options in one word", approve(`{path: 'C:\Windows\System32\cmd.exe', args: [/s/d/c, 'C:\Windows\x.cmd']}`), ""},
		{"PowerShell with the user's profile", approve(`{path: 'C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe', args: [-File, 'C:\Windows\x.ps1']}`), "3:84: warning … [user_startup]"},
		{"PowerShell that says it as the script's argument", approve(`{path: 'C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe', args: [-File, 'C:\Windows\x.ps1', -NoProfile]}`), "3:84: warning … [user_startup]"},
		{"PowerShell without the user's profile", approve(`{path: 'C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe', args: [-NoProfile, -File, 'C:\Windows\x.ps1']}`), ""},
		{"PowerShell in short", approve(`{path: 'C:\Windows\System32\WindowsPowerShell\v1.0\powershell.exe', args: [-nop, -f, 'C:\Windows\x.ps1']}`), ""},
		{"dialogs for files", approve("{path: /usr/bin/id, args: [], dialogs: true}"), "3:49: warning …shell… [dialogs]"},
		{"dialogs that are no word", approve("{path: /usr/bin/id, args: [], dialogs: allow}"), "3:49: error …true or false… [wrong_type]"},
		{"dialogs in a denial", deny("{path: /usr/bin/id, dialogs: true}"), "3:39: warning … [unused]"},
		{"merged usr", deny("{path: /bin/id}"), "3:17: warning … [merged_usr]"},
		{"confirm", rule("{path: /usr/bin/id}", "  then: require\n  require: {confirm: passkey}\n"), ""},
		{"children denied to a shell", rule("{path: /usr/bin/bash, args: [/usr/local/sbin/x]}", "  then: require\n  children: deny\n"), "2:3: warning …children: contain… [children]"},
		{"children of a shell contained", approve("{path: /usr/bin/bash, args: [/usr/local/sbin/x]}") + "  children: contain\n", "2:3: warning …rule of its own… [children]"},
		{"children in a denial", deny("{path: /usr/bin/id}") + "  children: deny\n", "2:3: warning … [unused]"},
		{"children denied", approve("{path: /usr/bin/id, args: []}") + "  children: deny\n", ""},

		{"same match, other answer", approveID + "- name: b\n  match: {args: [], path: /usr/bin/id}\n  then: deny\n", "5:3: error …rule \"a\" in line 2… [conflict]"},
		{"same match in other order", "rules:\n- {name: a, match: {user: [x, y]}, then: deny}\n- {name: b, match: {user: [y, x]}, then: require}\n", "3:3: error … [conflict]"},
		{"same match, same answer", "rules:\n- {name: a, match: {user: [x]}, then: deny}\n- {name: b, match: {user: [x]}, then: deny}\n", "3:3: warning … [same_match]"},
		{"same match, one observes", "rules:\n- {name: a, match: {user: [x]}, then: deny}\n- {name: b, match: {user: [x]}, then: require, mode: observe}\n", ""},
		{"any arguments are not none", approveID + "- name: b\n  match: {path: /usr/bin/id}\n  then: deny\n", "2:3: warning …\"b\" in line 5… [shadowed]"},
		{"shadowed by a rule for everybody", "rules:\n- {name: a, match: {path: /usr/bin/id, args: [], user: [bo]}, then: approve}\n- {name: b, match: {user: [bo, cy]}, then: require}\n", "2:3: warning …require… [shadowed]"},
		{"a narrower denial shadows nothing", approveID + "- name: b\n  match: {path: /usr/bin/id, user: [bo]}\n  then: deny\n", ""},
		{"a denial at times shadows nothing", approveID + "- name: b\n  match: {path: /usr/bin/id}\n  then: deny\n  limits: {hours: '08:00-09:00'}\n", ""},
		{"a pattern for everything", approve("{path: /usr/bin/id, args: [{regex: '.*'}]}"), "3:37: error …{any: true}… [matches_all]"},
		{"another pattern for everything", approve("{path: /usr/bin/id, args: [{regex: '(a|.+)'}]}"), "3:37: error … [matches_all]"},
		{"a pattern for every ticket", approveID + "  require: {ticket: '.+'}\n", "5:12: warning …ticket… [matches_all]"},
		{"a pattern that climbs", approve("{path: /usr/bin/id, args: [{regex: '/var/log/.*'}]}"), "3:37: warning …/../… [path_climbs]"},
		{"a file beside the user", approve("{path: /usr/bin/dpkg, args: ['-i', ./x.deb]}"), "3:45: error …whole path… [relative_file]"},
		{"a file without a folder", approve("{path: /usr/bin/dpkg, args: ['-i', x.deb]}"), "3:45: warning …whole path… [relative_file]"},
		{"a file of a user", approve("{path: /usr/bin/dpkg, args: ['-i', /home/bo/x.deb]}"), "3:45: error …/home/bo/x.deb… [user_writable]"},
		{"any package", approve("{path: /usr/bin/apt, args: [install, {any: true}]}"), "3:47: error …any file… [any_package]"},
		{"any package by a pattern", approve("{path: /usr/bin/apt, args: [install, {regex: '[^ ]+'}]}"), "3:47: error …any file… [any_package]"},
		{"a package by its name", approve("{path: /usr/bin/apt, args: [install, {regex: '[a-z0-9][a-z0-9.+-]*'}]}"), ""},
		{"a session of a program", deny("{path: /usr/bin/id, access_type: [session]}"), "3:10: warning …never match… [never]"},
		{"a broken path is no missing anchor", approve("{path: /usr/bin/*, args: []}"), "3:17: error …wildcards… [bad_value]"},

		{"test without expect", "rules: []\ntests:\n- {attempt: {path: /a}}\n", "3:3: error …\"expect\"… [missing]"},
		{"test expects nonsense", "rules: []\ntests:\n- {attempt: {path: /a}, expect: maybe}\n", "3:33: error … [bad_value]"},
		{"test at no time", "rules: []\ntests:\n- {attempt: {path: /a}, expect: ask, at: noon}\n", "3:42: error … [bad_value]"},
		{"test of an unknown rule", "rules: []\ntests:\n- {attempt: {path: /a}, expect: ask, rule: x}\n", "3:3: warning … [unknown_rule]"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, faults := Parse([]byte(tt.text), WithConditions(words{}))
			if (s == nil) != Failed(faults) {
				t.Errorf("set %v with %s", s, format(faults))
			}
			if tt.want == "" && len(faults) == 0 {
				return
			}
			for _, f := range faults {
				if got := strings.TrimPrefix(f.Format("f"), "f:"); tt.want != "" && like(strings.Replace(got, "error:", "error", 1), tt.want) {
					return
				}
			}
			t.Errorf("want %q, got\n%s", tt.want, format(faults))
		})
	}
}

// like reports whether got has the parts of want, which are separated by "…",
// in their order. "warning" in want may be followed by a colon in got.
func like(got, want string) bool {
	got = strings.Replace(got, "warning:", "warning", 1)
	for i, part := range strings.Split(want, "…") {
		part = strings.TrimSpace(part)
		at := strings.Index(got, part)
		if at < 0 || i == 0 && at > 0 {
			return false
		}
		got = got[at+len(part):]
	}
	return true
}

// A file with forty different faults gets a message of its own for each, at its
// line, however many came before.
func TestFortyFaults(t *testing.T) {
	raw, err := os.ReadFile(filepath.Join("testdata", "faults.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	s, faults := Parse(raw, WithConditions(words{}), WithTeams("Approvers"))
	if s != nil {
		t.Error("it was taken")
	}
	want := map[string]bool{} // "LINE CODE"
	for i, line := range strings.Split(string(raw), "\n") {
		if _, codes, ok := strings.Cut(line, "# FAULT "); ok {
			for _, code := range strings.Fields(codes) {
				want[fmt.Sprintf("%d %s", i+1, code)] = true
			}
		}
	}
	texts := map[string]int{}
	for _, f := range faults {
		key := fmt.Sprintf("%d %s", f.Line, f.Code)
		if !want[key] {
			t.Errorf("not expected: %s", f.Format("faults.yaml"))
		}
		delete(want, key)
		if at := texts[f.Text]; at != 0 || f.Col < 1 || len(f.Text) < 20 {
			t.Errorf("line %d says what line %d says, or nothing: %q", f.Line, at, f.Text)
		}
		texts[f.Text] = f.Line
	}
	for key := range want {
		t.Errorf("nothing was said of line %s", key)
	}
	if len(faults) < 40 {
		t.Errorf("only %d faults", len(faults))
	}
}

func TestParseLimits(t *testing.T) {
	var many strings.Builder
	many.WriteString("rules:\n")
	for i := range MaxRules + 1 {
		fmt.Fprintf(&many, "- {name: r%d, match: {path: /usr/bin/p%d}, then: deny}\n", i, i)
	}
	s, faults := Parse([]byte(many.String()))
	if s != nil || len(faults) != 1 || faults[0].Code != "too_large" {
		t.Errorf("%d rules: %s", MaxRules+1, format(faults))
	}
	s, faults = Parse([]byte("rules:\n" + strings.Repeat("- {}\n", 1000)))
	if s != nil || len(faults) != maxFaults {
		t.Errorf("1000 bad rules: %d faults, want %d", len(faults), maxFaults)
	}
	s, faults = Parse([]byte(approveID + "  when: 'group x'\n"))
	if s != nil || faults[0].Code != "when" {
		t.Errorf("a condition without a compiler: %s", format(faults))
	}
	s, faults = Parse([]byte("rules:\n- {name: a, match: {path: /a/b}, then: require, require: {stages: [{team: Platform}]}}\n"), WithTeams("Approvers"))
	if s == nil || len(faults) != 1 || faults[0].Code != "unknown_team" || faults[0].Severity != Warning {
		t.Errorf("an unknown team: %s", format(faults))
	}
}

// bomb is what parsers died of: aliases that double on each level.
func TestAliasBomb(t *testing.T) {
	var b strings.Builder
	b.WriteString("a0: &a0 [x]\n")
	for i := 1; i < 64; i++ {
		fmt.Fprintf(&b, "a%d: &a%d [*a%d, *a%d]\n", i, i, i-1, i-1)
	}
	b.WriteString("rules: *a63\n")
	s, faults := Parse([]byte(b.String()))
	if s != nil || len(faults) == 0 || faults[0].Code != "alias" {
		t.Errorf("got %s", format(faults))
	}
}

func FuzzParse(f *testing.F) {
	for _, name := range []string{"design.yaml", "example.yaml"} {
		raw, err := os.ReadFile(filepath.Join("testdata", name))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	for _, s := range []string{approveID, "rules: &a [*a]", "? [a]: b", "rules:\n- {}", "rules: []\n---\n", "\xff\xfe", "- - - -", "rules: !!binary aaaa", "{rules: [{match: {args: [{rest: true}, {regex: (}]}}]}"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, faults := Parse(text, WithConditions(words{}))
		if (s == nil) != Failed(faults) {
			t.Fatalf("set %v with %s", s, format(faults))
		}
		for _, f := range faults {
			if f.Line < 1 || f.Col < 1 || f.Code == "" || f.Text == "" || strings.ContainsAny(f.Text, "\x1b\x00\n") {
				t.Fatalf("a bad fault: %q", f.Format("f"))
			}
		}
		s.Test()
		s.Evaluate(Input{}, fixtureTime())
	})
}
