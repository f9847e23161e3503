package main

import (
	"encoding/xml"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"

	"github.com/assent-epm/assent/installer/msi"
)

// howtos are the pages for those who install by a tool of theirs, by their names.
func howtos(t *testing.T) map[string]string {
	t.Helper()
	pages := map[string]string{}
	for _, name := range []string{"ansible.md", "assent.yml", "gpo.md", "intune.md", "jamf.md"} {
		pages[name] = reads(t, "howto/"+name)
	}
	return pages
}

func reads(t *testing.T, names ...string) string {
	t.Helper()
	var all strings.Builder
	for _, name := range names {
		raw, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		all.Write(raw)
	}
	return all.String()
}

// TestPages: each is one page, is led to, and leads to files that are there.
func TestPages(t *testing.T) {
	led := reads(t, "../README.md", "LINUX.md", "WINDOWS.md", "MACOS.md")
	for name, text := range howtos(t) {
		if filepath.Ext(name) != ".md" {
			continue
		}
		if lines := strings.Count(text, "\n"); lines < 40 || lines > 80 {
			t.Errorf("%s has %d lines; one page has 40 to 80", name, lines)
		}
		if !strings.Contains(led, "howto/"+name+")") {
			t.Errorf("no page leads to %s", name)
		}
		for _, heading := range []string{"What is needed", "The token", "[Ss]teps", "[Vv]erify", "[Uu]pgrade", "[Rr]emove", "What goes wrong"} {
			if !regexp.MustCompile(`(?m)^## .*` + heading).MatchString(text) {
				t.Errorf("%s does not tell: %s", name, heading)
			}
		}
		for _, link := range regexp.MustCompile(`\]\(([^):]+)\)`).FindAllStringSubmatch(text, -1) {
			if _, err := os.Stat(filepath.Join("howto", link[1])); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestPagesSayWhatIs: properties, keys, places, identifiers and names of packages
// that the pages name are those of the packages.
func TestPagesSayWhatIs(t *testing.T) {
	windows := reads(t, "msi/testdata/tables.amd64")
	mac := reads(t, "pkg/testdata/pkg", "../agent/cmd/assent-agent/os_darwin.go", "pkg/files/com.assent-epm.agent.plist", "pkg/files/assent.mobileconfig")
	linux := reads(t, "testdata/assent-agent.deb.list")
	// What the agent itself makes below its data folder and on Linux.
	made := reads(t, "../agent/link/identity.go", "../agent/cmd/assent-agent/logfile.go")
	for _, name := range []string{`"identity.json"`, `"identity")`, `"agent.log"`} {
		if !strings.Contains(made, name) {
			t.Errorf("the agent makes no %s", name)
		}
	}
	known := func(place, in string) bool {
		for _, name := range []string{"/identity/identity.json", `\identity\identity.json`, `\agent.log`} {
			place = strings.TrimSuffix(place, name)
		}
		return strings.Contains(in, place)
	}
	for _, kind := range []struct {
		what  string
		named *regexp.Regexp
		is    func(string) bool
	}{
		{"property of the MSI", regexp.MustCompile(`\b([A-Z]+(?:_[A-Z]+)+|LABELS)=`), func(name string) bool {
			return regexp.MustCompile(`SecureCustomProperties\t.*\b` + name + `\b`).MatchString(windows)
		}},
		{"key of the registry", regexp.MustCompile(`(?:HKLM:?|HKEY_LOCAL_MACHINE)\\(SOFTWARE\\Assent(?:\\\w+)?)`), func(key string) bool { return known("\t"+key+"\t", windows) }},
		{"program on Windows", regexp.MustCompile(`C:\\Program Files\\Assent\\([\w-]+\.exe)`), func(name string) bool { return slices.Contains(msi.Names(), name) }},
		{"place of data on Windows", regexp.MustCompile(`(?:C:\\ProgramData|%ProgramData%)(\\Assent[\w\\.]*)`), func(place string) bool {
			return known(place, `\Assent`) && regexp.MustCompile(`DataOfAssent\tCommonAppDataFolder\t(\w+\|)?Assent`).MatchString(windows)
		}},
		{"place on a Mac", regexp.MustCompile(`(/(?:Library/(?:Assent|Application Support/Assent)|var/log/assent)[\w/.-]*\w)`), func(place string) bool { return known(place, mac) }},
		{"identifier on a Mac", regexp.MustCompile(`(com\.assent-epm\.\w+)`), func(name string) bool { return known(name, mac) }},
		{"key of a profile", regexp.MustCompile("`((?:Controller|Enroll|Label)\\w+)`"), func(name string) bool { return strings.Contains(mac, "<key>"+name+"</key>") }},
		{"place on Linux", regexp.MustCompile(`(/(?:usr/bin|etc)/assent[\w/.-]*)`), func(place string) bool { return known(" "+place+"\n", linux) }},
		{"unit", regexp.MustCompile(`journalctl -u ([\w-]+)`), func(name string) bool { return known("/"+name+".service\n", linux) }},
		{"service on Windows", regexp.MustCompile(`sc query ([\w-]+)`), func(name string) bool {
			return regexp.MustCompile(`AgentService\t` + name + `\t`).MatchString(windows)
		}},
		{"name of a package", regexp.MustCompile(`(assent-agent[_-](?:VERSION|%VERSION%|\{\{ assent_version \}\})[\w.-]*)`), func(name string) bool {
			return slices.Contains(strings.Fields("assent-agent_V_amd64.msi assent-agent_V_arm64.msi assent-agent_V_universal.pkg assent-agent_V_amd64.deb assent-agent-V-1.x86_64.rpm assent-agent_V.pkg"),
				regexp.MustCompile(`VERSION|%VERSION%|\{\{ assent_version \}\}`).ReplaceAllLiteralString(name, "V"))
		}},
	} {
		found := 0
		for page, text := range howtos(t) {
			for _, m := range kind.named.FindAllStringSubmatch(text, -1) {
				if found++; !kind.is(m[1]) {
					t.Errorf("%s: there is no %s %s", page, kind.what, m[1])
				}
			}
		}
		if found == 0 {
			t.Errorf("no page names a %s", kind.what)
		}
	}
	for _, format := range []string{"deb", "rpm"} {
		name := filepath.Base(packed(t, testJob(t, "1.2.3"), products()[0], "amd64", format))
		if want := map[string]string{"deb": "assent-agent_1.2.3_amd64.deb", "rpm": "assent-agent-1.2.3-1.x86_64.rpm"}[format]; name != want {
			t.Errorf("the %s is %s, and the pages say %s", format, name, want)
		}
	}
}

// TestPagesSayCommands: what the pages have people type is a verb of the program, and
// the flags are flags of that verb.
func TestPagesSayCommands(t *testing.T) {
	help := map[string]string{"assentctl": reads(t, "../controller/cmd/assentctl/testdata/help.golden"), "assent": reads(t, "../agent/cmd/assent/testdata/help.golden"),
		"assent-agent": reads(t, "../agent/cmd/assent-agent/enroll.go", "../agent/cmd/assent-agent/doctor.go", "../agent/cmd/assent-agent/service.go", "../agent/cmd/assent-agent/main.go")}
	typed := regexp.MustCompile("(?:^|[ `/\\\\])(assentctl|assent-agent|assent)(?:\\.exe['\"]?|,|\\])? ([a-z][^`'\\n|]*)")
	found := map[string]int{}
	for page, text := range howtos(t) {
		text = strings.NewReplacer("[", " ", "]", "", ",", "", `"`, "").Replace(text)
		for _, m := range typed.FindAllStringSubmatch(text, -1) {
			program, words := m[1], strings.Fields(m[2])
			verb := words[0]
			if program == "assentctl" && len(words) > 1 && !strings.HasPrefix(words[1], "-") {
				verb += " " + words[1]
			}
			about, is := help[program], false
			if program == "assent-agent" {
				is = regexp.MustCompile(`(Use:\s+"|, ")` + verb + `[" ]`).MatchString(about)
			} else if _, about, is = strings.Cut(about, "$ "+program+" "+verb+" --help\n"); is {
				about, _, _ = strings.Cut(about, "\n$ ")
			}
			if !is {
				t.Errorf("%s: %s has no verb %s", page, program, verb)
				continue
			}
			found[program+" "+verb]++
			for _, word := range words {
				if flag, is := strings.CutPrefix(word, "--"); is && !strings.Contains(about, "--"+flag) && !strings.Contains(about, `"`+flag+`"`) {
					t.Errorf("%s: %s %s has no flag %s", page, program, verb, word)
				}
			}
		}
	}
	for _, want := range []string{"assentctl enroll-token add", "assentctl enroll-token delete", "assentctl endpoint list", "assentctl endpoint delete", "assent status",
		"assent-agent enroll", "assent-agent doctor", "assent-agent install"} {
		if found[want] == 0 {
			t.Errorf("no page has %s, or the program has no such verb", want)
		}
	}
}

// TestPagesParse: scripts are scripts of the shell, the playbook and the variables
// are YAML, and the property lists have the keys that the agent takes.
func TestPagesParse(t *testing.T) {
	blocks := regexp.MustCompile("(?s)\n *```(\\w+)\n(.*?)\n *```")
	kinds := map[string]int{}
	for page, text := range howtos(t) {
		if filepath.Ext(page) == ".yml" {
			var plays []struct {
				Hosts string
				Tasks []map[string]any
			}
			if err := yaml.Unmarshal([]byte(text), &plays); err != nil || len(plays) != 3 {
				t.Fatalf("%s: %d plays: %v", page, len(plays), err)
			}
			for _, play := range plays {
				secret := 0
				for _, task := range play.Tasks {
					if strings.Contains(fmt.Sprint(task), "assent_token") {
						if secret++; task["no_log"] != true {
							t.Errorf("%s: %s tells the token", page, play.Hosts)
						}
					}
				}
				if secret != 1 {
					t.Errorf("%s: %s hands the token over %d times", page, play.Hosts, secret)
				}
			}
		}
		for _, m := range blocks.FindAllStringSubmatch(text, -1) {
			kinds[m[1]]++
			body := regexp.MustCompile(`(?m)^   `).ReplaceAllString(m[2], "")
			switch m[1] {
			case "sh":
				cmd := exec.Command("/bin/sh", "-n")
				cmd.Stdin = strings.NewReader(body)
				if out, err := cmd.CombinedOutput(); err != nil || !strings.HasPrefix(strings.TrimSpace(body), "#!/bin/sh\n") {
					t.Errorf("%s: %v %s", page, err, out)
				}
			case "yaml":
				var variables map[string]any
				if err := yaml.Unmarshal([]byte(body), &variables); err != nil || len(variables) == 0 {
					t.Errorf("%s: %v", page, err)
				}
			}
		}
		for _, plist := range regexp.MustCompile(`(?s)<plist.*?</plist>`).FindAllString(text, -1) {
			kinds["plist"]++
			var list struct {
				Keys   []string `xml:"dict>key"`
				Values []string `xml:"dict>string"`
			}
			if err := xml.Unmarshal([]byte(plist), &list); err != nil || len(list.Keys) != 1 || list.Keys[0] != "EnrollToken" || len(list.Values) != 1 {
				t.Errorf("%s: %+v %v", page, list, err)
			}
		}
	}
	if kinds["sh"] < 3 || kinds["yaml"] < 1 || kinds["plist"] < 2 {
		t.Errorf("not all was found: %v", kinds)
	}
}
