package intercept

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/assent-epm/assent/agent/privilege"
)

// rootsAlone reports whether nobody but root can change a file.
func rootsAlone(st *unix.Stat_t) bool { return privilege.RootsAlone(st) }

// parentProgram is the program of the process that started pid, "" when it can
// not be told.
func parentProgram(pid int) string {
	if pid <= 0 {
		return ""
	}
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return ""
	}
	// The program's name stands in parentheses and may hold any character.
	_, after, ok := strings.Cut(string(stat[strings.LastIndexByte(string(stat), ')')+1:]), " ")
	fields := strings.Fields(after)
	if !ok || len(fields) < 2 {
		return ""
	}
	exe, err := os.Readlink("/proc/" + fields[1] + "/exe")
	if err != nil {
		return ""
	}
	return strings.ToValidUTF8(exe, "?")
}
