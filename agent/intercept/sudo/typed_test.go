package sudo

import (
	"strings"
	"testing"
)

func TestOptions(t *testing.T) {
	tests := []struct {
		name    string
		line    string
		optind  int
		letters string
		assigns bool
	}{
		{"none", "sudo id", 1, "", false},
		{"one", "sudo -n id", 2, "n", false},
		{"several in one", "sudo -nk id", 2, "nk", false},
		{"a value beside", "sudo -u bob id", 3, "u", false},
		{"a value within", "sudo -ubob id", 2, "u", false},
		{"a value that looks like options", "sudo -u -l id", 3, "u", false},
		{"a prompt with an equals sign", "sudo -p a=b id", 3, "p", false},
		{"several, then a value", "sudo -nu bob id", 3, "nu", false},
		{"long", "sudo --list", 2, "l", false},
		{"long, begun", "sudo --li", 2, "l", false},
		{"long with value", "sudo --user=bob id", 2, "u", false},
		{"long with value beside", "sudo --user bob id", 3, "u", false},
		{"long, unknown", "sudo --nosuch id", 2, "\x00", false},
		{"end of options", "sudo -- -l", 2, "", false},
		{"variable", "sudo A=1 id", 2, "", true},
		{"variable, then option", "sudo A=1 -n id", 3, "n", true},
		{"host", "sudo -l -h other id", 4, "lh", false},
		{"host within", "sudo -hother -l", 3, "hl", false},
		{"options of the command", "sudo id -l", 1, "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			letters, sets := options(strings.Fields(tt.line), tt.optind)
			if letters != tt.letters || (len(sets) > 0) != tt.assigns {
				t.Errorf("got %q %v, want %q %v", letters, sets, tt.letters, tt.assigns)
			}
		})
	}
}

func TestRead(t *testing.T) {
	tests := []struct {
		name     string
		line     string
		optind   int
		settings string
		want     string // pass, run, shell, login, edit; " silent", " refused"
	}{
		{"plain", "sudo id", 1, "", "run"},
		{"silent", "sudo -n id", 2, "noninteractive=true", "run silent"},
		{"list", "sudo -l", 2, "", "pass"},
		{"list a command", "sudo -l id", 2, "", "pass"},
		{"validate", "sudo -v", 2, "", "pass"},
		{"forget", "sudo -k", 2, "", "pass"},
		{"forget and run", "sudo -k id", 2, "ignore_ticket=true", "run"},
		{"forget for good", "sudo -K", 2, "", "pass"},
		{"version", "sudo -V", 2, "", "pass"},
		{"nothing", "sudo", 1, "", "pass"},
		{"shell", "sudo -s", 2, "run_shell=true", "shell"},
		{"shell with a command", "sudo -s id", 2, "run_shell=true", "shell"},
		{"shell implied", "sudo", 1, "implied_shell=true", "pass"},
		{"login", "sudo -i", 2, "run_shell=true login_shell=true", "login"},
		{"edit", "sudo -e /etc/motd", 2, "sudoedit=true", "edit"},
		{"sudoedit", "sudoedit /etc/motd", 1, "sudoedit=true", "edit"},
		{"chdir", "sudo -D /tmp id", 3, "cmnd_cwd=/tmp", "run"},
		{"chdir for a shell", "sudo -D /tmp -s", 4, "cmnd_cwd=/tmp run_shell=true", "shell refused"},
		{"harmless variable", "sudo LANG=C id", 2, "", "run"},
		{"chroot", "sudo -R /tmp id", 3, "cmnd_chroot=/tmp", "run refused"},
		{"environment", "sudo -E id", 2, "preserve_environment=true", "run refused"},
		{"listed environment", "sudo --preserve-env=A id", 2, "", "run refused"},
		{"group", "sudo -g adm id", 3, "runas_group=adm", "run refused"},
		{"groups", "sudo -P id", 2, "preserve_groups=true", "run refused"},
		{"descriptors", "sudo -C 9 id", 3, "closefrom=9", "run refused"},
		{"time limit", "sudo -T 9 id", 3, "timeout=9", "run refused"},
		{"role", "sudo -r x id", 3, "selinux_role=x", "run refused"},
		{"variable", "sudo A=1 id", 2, "", "run refused"},
		{"user", "sudo -u bob id", 3, "runas_user=bob", "run"},
		{"home", "sudo -H id", 2, "set_home=true", "run"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := read(call{stage: stageOpen, argv: strings.Fields(tt.line), optind: tt.optind, settings: strings.Fields(tt.settings)})
			got := "run"
			switch {
			case r.pass:
				got = "pass"
			case r.edit:
				got = "edit"
			case r.login:
				got = "login"
			case r.shell:
				got = "shell"
			}
			if r.silent {
				got += " silent"
			}
			if r.refused != "" {
				got += " refused"
			}
			if got != tt.want {
				t.Errorf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestShellWord(t *testing.T) {
	tests := []struct{ name, word, plain string }{
		{"id -u", `id -u`, "id -u"},
		{"echo a;b", `echo a\;b`, "echo a;b"},
		{"/bin/x=1", `\/bin\/x\=1`, "/bin/x=1"},
		{"$HOME", `$HOME`, "$HOME"},
	}
	for _, tt := range tests {
		word := shellWord(strings.Fields(tt.name))
		if word != tt.word || unshell(word) != tt.plain {
			t.Errorf("%s: got %s and %s", tt.name, word, unshell(word))
		}
	}
	if got := unshell(shellWord([]string{"a b", "c\td"})); got != "a\\ b c\\\td" {
		t.Errorf("blanks inside an argument keep their backslash: %q", got)
	}
}
