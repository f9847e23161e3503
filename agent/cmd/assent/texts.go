package main

import "github.com/assent-epm/assent/agent/words"

// texts are the words of `assent session` and `assent admin`, which are for other
// things on each system.
type texts struct {
	session, sessionLong, sessionExample string
	opened                               func(t words.Tongue, until, id string) string
	adminLong                            string
	runLong, as                          string
}

// textsOf are those of a system, as Go calls it.
func textsOf(system string) texts {
	switch system {
	case "windows":
		return windowsTexts()
	case "darwin":
		return macTexts()
	}
	return texts{
		session: "Open sudo for this terminal, or for one job",
		sessionLong: "Open sudo for a while, once somebody or a rule says yes: for this terminal, or for\n" +
			"COMMAND and everything that it starts. COMMAND runs as you, and each sudo inside of\n" +
			"it goes through without a question, unless a rule denies it. Every such command is\n" +
			"listed on the request. It ends with the terminal or the job, with the lock of the\n" +
			"screen, with `assent checkin`, and when its time is over.\n\n" +
			"Exit: the job's own code, 0 for a terminal; otherwise as `assent run`.",
		sessionExample: "  assent session --for 1h --reason \"release 4.2\"\n  assent session -- ansible-playbook -b site.yml",
		opened: func(t words.Tongue, until, id string) string {
			return t.Say("sudo is open in this terminal until %s; give it back with: assent checkin %s", until, id)
		},
		adminLong: "Be a member of the group that sudo gives everything to, for a while, once somebody\n" +
			"says yes: in a login shell that starts here, and in what you start anew elsewhere.\n" +
			"sudo asks for your password as it does of every administrator. It ends with this\n" +
			"shell, with the lock of the screen, with `assent checkin`, and when its time is over;\n" +
			"then what you left changed on the machine is shown to whoever looks at the request.\n\n" +
			"Exit: the shell's own code; otherwise as `assent run`.",
		runLong: "Run COMMAND as root or as another user, once somebody or a rule says yes.",
		as:      "user to run as (root)",
	}
}

func windowsTexts() texts {
	return texts{
		session: "Let assent run go through in this shell, or in one job",
		sessionLong: "Ask once for a while: each `assent run` in the shell that this is typed in, or in\n" +
			"COMMAND and everything that it starts, goes through without a question then, unless\n" +
			"a rule denies it. COMMAND itself runs as you. Every such command is listed on the\n" +
			"request. It ends with the shell or the job, with the lock of the screen, with\n" +
			"`assent checkin`, and when its time is over.\n\n" +
			"Exit: the job's own code, 0 for a shell; otherwise as `assent run`.",
		sessionExample: "  assent session --for 1h --reason \"release 4.2\"\n  assent session -- install.cmd",
		opened: func(t words.Tongue, until, id string) string {
			return t.Say("assent run goes through in this shell until %s; give it back with: assent checkin %s", until, id)
		},
		adminLong: "Be a member of the administrators for a while, once somebody says yes: in a window\n" +
			"that opens, with everything that is started there. What runs already gets no rights\n" +
			"by it. It ends with that window, with the shell that this is typed in, with the lock\n" +
			"of the screen, with `assent checkin`, and when its time is over; then what you left\n" +
			"changed on the machine is shown to whoever looks at the request. Log off afterwards:\n" +
			"a log-on of that time has the rights until it is over.\n\n" +
			"Exit: the window's own code; otherwise as `assent run`.",
		runLong: "Run COMMAND as you, with the rights of an administrator, once somebody or a rule\n" +
			"says yes.",
		as: "not on Windows: a program runs as who asks",
	}
}

func macTexts() texts {
	t := windowsTexts()
	t.session = "Let assent run go through in this terminal"
	t.sessionLong = "Ask once for a while: each `assent run` in the terminal that this is typed in goes\n" +
		"through without a question then, unless a rule denies it. Every such command is\n" +
		"listed on the request. It ends with the terminal, with the lock of the screen, with\n" +
		"`assent checkin`, and when its time is over. A session for one job is not given on\n" +
		"macOS.\n\n" +
		"Exit: 0; otherwise as `assent run`."
	t.sessionExample = "  assent session --for 1h --reason \"release 4.2\""
	t.opened = func(t words.Tongue, until, id string) string {
		return t.Say("assent run goes through in this terminal until %s; give it back with: assent checkin %s", until, id)
	}
	t.adminLong = "Be a member of the group admin for a while, once somebody says yes: it counts at\n" +
		"once in what asks for an administrator, as sudo, which wants your password then. It\n" +
		"ends with this terminal, with the lock of the screen, with `assent checkin`, and\n" +
		"when its time is over; then what you left changed on the machine is shown to whoever\n" +
		"looks at the request.\n\n" +
		"Exit: 0; otherwise as `assent run`."
	t.runLong, t.as = "Run COMMAND as root or as another user, once somebody or a rule says yes.", "user to run as (root)"
	return t
}
